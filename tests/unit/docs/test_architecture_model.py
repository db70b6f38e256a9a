"""The model of the architecture (docs/architecture.dsl) says what is in the tree, and nothing else."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.images.build import JOBS
from ops.pictures.model import Element, read
from ops.pictures.stamp import PICTURES, stale

ROOT = Path(__file__).resolve().parents[3]
MODEL = read()
CONTAINERS, COMPONENTS = MODEL.of("container"), MODEL.of("component")
DEPLOYED = {
    name: [one for one in MODEL.elements if any(around.name == name for around in one.within())]
    for name in ("local", "AWS")
}


def _folders(folder: str, holding: str = "*.py") -> set[str]:
    """The folders in `folder` that hold such a file, relative to the project."""
    return {str(one.parent.relative_to(ROOT)) for one in (ROOT / folder).glob(f"*/{holding}")}


TREE = {
    "jobs": {str(one.relative_to(ROOT)) for one in (ROOT / "jobs").glob("*.nomad.hcl")},
    "services": _folders("services", "__main__.py"),
    "flows": {f"flows/{one.name}" for one in (ROOT / "flows").glob("*.py") if "\n@flow(" in one.read_text()},
    "terraform/modules": _folders("terraform/modules", "main.tf"),
    "services/api": _folders("services/api"),
    "closecast": _folders("closecast", "__init__.py") | _folders("closecast/platform", "__init__.py"),
}
IN_MODEL = {
    "jobs": {one.properties["job"] for one in CONTAINERS if "job" in one.properties},
    "services": {one.properties["source"] for one in CONTAINERS} - {"closecast", "localstack"},
    "flows": {one.properties["source"] for one in COMPONENTS if one.parent is MODEL.known("worker")}
    - {"services/prefect"},
    "terraform/modules": {one.properties["source"] for one in DEPLOYED["AWS"] if "source" in one.properties},
    "services/api": {one.properties["source"] for one in COMPONENTS if one.parent is MODEL.known("api")},
    "closecast": {one.properties["source"] for one in COMPONENTS if MODEL.known("library") in one.within()},
}


@pytest.mark.parametrize("room", TREE)
def test_what_is_in_the_tree_is_in_the_model_and_nothing_else(room: str) -> None:
    assert len(TREE[room]) >= 9
    assert IN_MODEL[room] == TREE[room]


def test_each_component_is_of_a_container_whose_components_are_compared() -> None:
    compared = {MODEL.known("api"), MODEL.known("worker"), MODEL.known("library")}
    assert [one.name for one in COMPONENTS if compared.isdisjoint(one.within())] == []


def test_each_container_runs_what_its_job_file_runs() -> None:
    for one in CONTAINERS:
        if one is not MODEL.known("library"):
            source = one.properties["source"]
            runs = "/localstack/run.py" if source == "localstack" else rf'"{source.replace("/", ".")}["\.]'
            assert re.search(runs, (ROOT / one.properties["job"]).read_text()), one.name


def _job(container: Element) -> str:
    return Path(container.properties["job"]).name.removesuffix(".nomad.hcl")


def _deployed(elements: list[Element]) -> list[Element]:
    """The containers of which there is an instance, one for each instance."""
    return [MODEL.known(one.name) for one in elements if one.kind == "containerInstance"]


def test_one_machine_runs_one_instance_of_each_container() -> None:
    expected = sorted(one.name for one in CONTAINERS if one is not MODEL.known("library"))
    assert sorted(one.name for one in _deployed(DEPLOYED["local"])) == expected


def test_images_run_in_aws_what_they_are_built_for() -> None:
    # when
    run: dict[str, set[str]] = {}
    for node in DEPLOYED["AWS"]:
        if image := node.properties.get("image"):
            inside = [one for one in DEPLOYED["AWS"] if node in one.within()]
            run.setdefault(image, set()).update(_job(one) for one in _deployed(inside))
    # then
    assert run == {image: set(jobs) for image, jobs in JOBS.items()}


def test_instances_in_aws_are_in_an_image_except_the_object_store() -> None:
    outside = [
        one.name
        for one in DEPLOYED["AWS"]
        if one.kind == "containerInstance" and not any("image" in node.properties for node in one.within())
    ]
    assert outside == ["objects"]


def _talks(job: str) -> set[str]:
    """The jobs whose containers a container of this job has a relationship to."""
    jobs = {one.identifier: _job(one) for one in CONTAINERS if "job" in one.properties}
    return {jobs[one.target] for one in MODEL.relationships if jobs.get(one.source) == job and one.target in jobs}


@pytest.mark.parametrize("file", sorted(TREE["jobs"]))
def test_a_job_has_a_relationship_to_each_service_that_it_looks_for(file: str) -> None:
    # given the jobs by the services that they register
    registered = {
        name: Path(other).name.removesuffix(".nomad.hcl")
        for other in TREE["jobs"]
        for name in re.findall(r'service \{\s+name\s+= "([a-z-]+)"', (ROOT / other).read_text())
    }
    wanted = set(re.findall(r'nomadService (?:1 "one" )?"([a-z-]+)"', (ROOT / file).read_text()))
    # then
    assert {registered[name] for name in wanted} <= _talks(Path(file).name.removesuffix(".nomad.hcl"))


def test_the_jobs_with_rights_in_the_object_store_talk_to_it_and_no_others_do() -> None:
    rights = set(json.loads((ROOT / "policies" / "iam" / "jobs.json").read_text()))
    talking = {Path(file).name.removesuffix(".nomad.hcl") for file in TREE["jobs"]}
    assert {job for job in talking if "localstack" in _talks(job)} - {"localstack"} == rights


def _modules(file: Path) -> Iterator[str]:
    """The modules, or what is in them, that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _imports(room: str, *others: str) -> set[tuple[str, str]]:
    """Which source of a room imports which other one, of this room or of others."""
    owners = sorted({one for name in (room, *others) for one in TREE[name]}, key=len, reverse=True)

    def owner(path: str) -> str | None:
        return next((one for one in owners if f"{path}/".startswith(f"{one}/")), None)

    found = {
        (owner(str(file.relative_to(ROOT))), owner(name.replace(".", "/")))
        for file in (ROOT / room).rglob("*.py")
        for name in _modules(file)
    }
    return {(source, target) for source, target in found if source and target and source != target}


def _relationships(room: str, other: str) -> set[tuple[str, str]]:
    """The relationships from components of a room to those of another, by their sources.

    One with a technology is left out: it is a call that no import shows.
    """
    sources = {one.identifier: one.properties["source"] for one in COMPONENTS}
    found = {(sources.get(one.source), sources.get(one.target)) for one in MODEL.relationships if not one.technology}
    return {
        (source, target)
        for source, target in found
        if source and target and source in TREE[room] and target in TREE[other]
    }


@pytest.mark.parametrize("room", ["services/api", "closecast"])
def test_relationships_between_components_are_the_imports(room: str) -> None:
    assert _relationships(room, room) == _imports(room)


def test_relationships_of_the_api_to_the_library_are_imports() -> None:
    said = _relationships("services/api", "closecast")
    assert len(said) > 3
    assert said <= _imports("services/api", "closecast")


def test_the_pictures_are_those_of_the_model() -> None:
    assert stale(MODEL) == [], "run `just pictures`, look at them, and commit them with the model"


def test_each_picture_is_shown_in_a_document() -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = {name for one in documents for name in re.findall(r"!\[.+\]\((?:docs/)?pictures/(.+?)\)", one.read_text())}
    assert shown == {one.name for one in PICTURES.iterdir()}
