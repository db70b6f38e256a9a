"""Run Terraform with its working data outside the tree, and plugins from a mirror where there is one."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ops import paths
from ops.errors import OperatorError
from services.bucket_mirror import terraform
from services.bucket_mirror.providers import find_provider_mirror

TREE = paths.PROJECT / "terraform"
MODULES = TREE / "modules"
ENVIRONMENTS = TREE / "environments"


def modules() -> list[str]:
    """The names of all modules."""
    return sorted(folder.name for folder in MODULES.iterdir() if folder.is_dir())


def environments() -> list[str]:
    """The names of all environments."""
    return sorted(folder.name for folder in ENVIRONMENTS.iterdir() if folder.is_dir())


def data(folder: Path) -> Path:
    """Where Terraform keeps its working data for the configuration in `folder`: outside the tree, but in a copy of it."""
    if folder.is_relative_to(TREE):
        return paths.LOCAL / "terraform" / folder.relative_to(TREE)
    return folder / ".terraform"


def run(
    folder: Path, *arguments: str, variables: Mapping[str, str] | None = None, capture: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run `terraform <arguments>` on the configuration in `folder`.

    `variables` are added to the environment. Raises OperatorError when there is no Terraform.
    """
    program = shutil.which("terraform")
    if program is None:
        raise OperatorError("there is no terraform on PATH", "`just doctor` says how to get it")
    return subprocess.run(
        [program, f"-chdir={folder}", *arguments],
        env=terraform.environment(data(folder)) | dict(variables or {}),
        capture_output=capture,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def initialise(folder: Path, *backend: str, variables: Mapping[str, str] | None = None) -> None:
    """Run `terraform init`; `backend` are its options for where the state lies. Raises OperatorError with the reason."""
    data(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    mirror = find_provider_mirror()
    plugins = [f"-plugin-dir={mirror}"] if mirror else []
    options = ("-input=false", "-no-color", "-reconfigure", *backend, *plugins)
    done = run(folder, "init", *options, variables=variables, capture=True)
    if done.returncode:
        raise OperatorError(
            f"terraform init of {folder.parent.name}/{folder.name} failed: {terraform.reason(done.stderr or done.stdout)}",
            "mend what it names, and run the command again",
        )
