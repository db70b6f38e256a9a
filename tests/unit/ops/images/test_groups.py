"""Each image installs what its processes import: read from the imports themselves, lazy ones too."""

import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions

import grimp
import pytest
from hcl2.api import loads

from ops.images.build import JOBS
from tests.servers.processes import PROJECT

_OURS = ("closecast", "flows", "ops", "services")
# What is reached only by a function that the services of the image do not call: to fit a model, to get an export from
# Kaggle, to read a key.
_NOT_CALLED = {
    "serving": {"kagglesdk", "scikit-learn", "scipy"},
    "stores": {"cryptography"},
    "gateway": {"cryptography"},
}
# Of Debian, in the image itself.
_MORE = {"flows": ("flows",)}


@cache
def _graph() -> "grimp.ImportGraph":
    return grimp.build_graph(*_OURS, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _imported(image: str) -> set[str]:
    """Distributions that the image's services import, directly or by modules of ours."""
    graph, names = _graph(), _distributions()
    services = {job.replace("prefect-worker", "prefect") for job in JOBS[image]}
    roots = [f"services.{one}" for one in services] + list(_MORE.get(image, ()))
    todo = [
        module for module in graph.modules if any(module == root or module.startswith(f"{root}.") for root in roots)
    ]
    seen, found = set(todo), set()
    while todo:
        module = todo.pop()
        top = module.partition(".")[0]
        if top not in _OURS:
            if top not in sys.stdlib_module_names:
                found |= {_canonical(one) for one in names.get(top, [top])[:1]}
            continue
        for imported in graph.find_modules_directly_imported_by(module):
            if imported not in seen:
                seen.add(imported)
                todo.append(imported)
    return found


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("image", JOBS)
def test_an_image_has_what_its_services_import(image: str) -> None:
    lock = (PROJECT / "services" / "requirements" / f"{image}.txt").read_text()
    locked = {_canonical(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, flags=re.MULTILINE)}
    assert _imported(image) - _NOT_CALLED.get(image, set()) <= locked


def test_terraform_makes_a_repository_for_each_image() -> None:
    for environment in ("staging", "production"):
        text = (PROJECT / "terraform" / "environments" / environment / "variables.tf").read_text()
        variables = {name.strip('"'): body for one in loads(text)["variable"] for name, body in one.items()}
        assert {one.strip('"') for one in variables["images"]["default"]} == set(JOBS)
