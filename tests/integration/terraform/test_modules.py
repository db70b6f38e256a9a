"""Terraform's own checks of its modules and of the local environment, done in a copy of the tree."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from services.bucket_mirror.providers import find_provider_mirror
from tests.servers.processes import PROJECT

pytestmark = pytest.mark.integration

_TREE = PROJECT / "terraform"
_MODULES = sorted(path.name for path in (_TREE / "modules").iterdir() if path.is_dir())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the Terraform tree, so that no working data appears in the original."""
    if shutil.which("terraform") is None:
        pytest.skip("there is no terraform on PATH: `./just doctor` tells how to get it")
    made_by_terraform = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*")
    return Path(shutil.copytree(_TREE, tmp_path / "terraform", ignore=made_by_terraform))


def _terraform(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    configuration = os.environ.get("TF_CLI_CONFIG_FILE", "")
    environment = {
        **os.environ,
        "CHECKPOINT_DISABLE": "1",
        # Terraform warns at every command of a file that is not there.
        "TF_CLI_CONFIG_FILE": configuration if Path(configuration).is_file() else os.devnull,
    }
    return subprocess.run(
        ["terraform", f"-chdir={folder}", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _initialise(folder: Path) -> None:
    mirror = find_provider_mirror()
    plugins = [f"-plugin-dir={mirror}"] if mirror else []
    done = _terraform(folder, "init", "-input=false", "-no-color", "-backend=false", *plugins)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", _MODULES)
def test_a_module_passes_its_own_tests(module: str, tree: Path) -> None:
    # given
    folder = tree / "modules" / module
    _initialise(folder)
    # when
    done = _terraform(folder, "test", "-no-color")
    # then
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout
    assert "Success! 0 passed" not in done.stdout


def test_the_local_environment_is_valid(tree: Path) -> None:
    # given
    folder = tree / "environments" / "local"
    _initialise(folder)
    # when
    done = _terraform(folder, "validate", "-no-color")
    # then
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The configuration is valid" in done.stdout


def test_the_whole_tree_is_formatted(tree: Path) -> None:
    # when
    done = _terraform(tree, "fmt", "-check", "-recursive", "-diff")
    # then
    assert done.returncode == 0, done.stdout + done.stderr
