"""Plan, apply and destroy an environment: `local` in the running LocalStack, the others in AWS."""

from collections.abc import Mapping

from ops import paths
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.session import connect
from ops.terraform import program

LOCAL = "local"
_OWN = ("terraform.tfvars", "backend.hcl")


def change(verb: str, environment: str) -> int:
    """Run `terraform <verb>` for the environment, which asks before it changes anything; returns its exit status."""
    if environment not in program.environments():
        raise OperatorError(
            f"there is no environment {environment!r}", f"name one of {', '.join(program.environments())}"
        )
    if environment == LOCAL and verb == "destroy":
        raise OperatorError(
            "the local environment belongs to the running platform", "`just down --purge` ends it and deletes its data"
        )
    folder = program.ENVIRONMENTS / environment
    variables: Mapping[str, str] = {}
    if environment == LOCAL:
        variables = _of_the_platform()
        backend = f"-backend-config=path={paths.state() / 'terraform' / 'terraform.tfstate'}"
    else:
        for name in _OWN:
            if not (folder / name).exists():
                raise OperatorError(
                    f"terraform/environments/{environment}/{name} is not there",
                    f"copy {name}.example beside it and fill it in; docs/infrastructure.md says how",
                )
        backend = "-backend-config=backend.hcl"
    program.initialise(folder, backend, variables=variables)
    return program.run(folder, verb, variables=variables).returncode


def _of_the_platform() -> dict[str, str]:
    """Address and key of the running LocalStack."""
    session = connect()
    credentials = session.credentials
    return {
        "TF_VAR_endpoint": jobs.address(session.cluster, "localstack"),
        "AWS_ACCESS_KEY_ID": credentials.object_store_access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.object_store_secret_key,
    }
