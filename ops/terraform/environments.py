"""Plan, apply and destroy an environment: `local` in the running LocalStack, the others in AWS."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ops import paths
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.session import connect
from ops.terraform import program

LOCAL = "local"
# An environment's own files, and the variables that workflows give their content in.
_OWN = {"terraform.tfvars": "CLOSECAST_TFVARS", "backend.hcl": "CLOSECAST_BACKEND"}


@dataclass(frozen=True)
class Environment:
    """An environment whose configuration is initialised: its folder, and variables for Terraform's environment."""

    folder: Path
    variables: Mapping[str, str]

    def run(self, *arguments: str, capture: bool = False) -> "subprocess.CompletedProcess[str]":
        """Run `terraform <arguments>` on it."""
        return program.run(self.folder, *arguments, variables=self.variables, capture=capture)


def change(verb: str, name: str) -> int:
    """Run `terraform <verb>` for an environment, which asks before it changes anything; returns its exit status."""
    if name == LOCAL and verb == "destroy":
        raise OperatorError(
            "the local environment belongs to the running platform", "`just down --purge` ends it and deletes its data"
        )
    return initialised(name).run(verb).returncode


def write_settings(name: str) -> int:
    """Write the own files of the environment `name` from CLOSECAST_TFVARS and CLOSECAST_BACKEND. Raises OperatorError."""
    if name == LOCAL or name not in program.environments():
        raise OperatorError(f"{name!r} has no settings of its own", "name staging or production")
    missing = [variable for variable in _OWN.values() if not os.environ.get(variable)]
    if missing:
        raise OperatorError(
            f"the environment variable {missing[0]} is not set",
            f"it has the content of terraform/environments/{name}/"
            f"{next(file for file, variable in _OWN.items() if variable == missing[0])}; CONTRIBUTING.md says where from",
        )
    for file, variable in _OWN.items():
        (program.ENVIRONMENTS / name / file).write_text(os.environ[variable].rstrip() + "\n")
    return 0


def initialised(name: str) -> Environment:
    """Initialise the environment `name`. Raises OperatorError when there is none, or its own files are missing."""
    if name not in program.environments():
        raise OperatorError(f"there is no environment {name!r}", f"name one of {', '.join(program.environments())}")
    folder = program.ENVIRONMENTS / name
    variables: Mapping[str, str] = {}
    if name == LOCAL:
        variables = _of_the_platform()
        backend = f"-backend-config=path={paths.state() / 'terraform' / 'terraform.tfstate'}"
    else:
        for file in _OWN:
            if not (folder / file).exists():
                raise OperatorError(
                    f"terraform/environments/{name}/{file} is not there",
                    f"copy {file}.example beside it and fill it in; docs/deployment.md says how",
                )
        backend = "-backend-config=backend.hcl"
    program.initialise(folder, backend, variables=variables)
    return Environment(folder, variables)


def _of_the_platform() -> dict[str, str]:
    """Address and key of the running LocalStack."""
    session = connect()
    credentials = session.credentials
    return {
        "TF_VAR_endpoint": jobs.address(session.cluster, "localstack"),
        "AWS_ACCESS_KEY_ID": credentials.object_store_access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.object_store_secret_key,
    }
