"""Terraform's working data of the local environment, which LocalStack's companion applies."""

from pathlib import Path

from ops import paths
from ops.cli.progress import step
from ops.errors import OperatorError
from ops.setup import accounts, runtime
from services.bucket_mirror import terraform
from services.bucket_mirror.providers import find_provider_mirror


def provider_mirror() -> Path | None:
    """The folder with Terraform's provider plugins, if there is one. Raises OperatorError where a named one is none."""
    try:
        return find_provider_mirror()
    except FileNotFoundError as error:
        raise OperatorError(
            str(error), "name the folder that `terraform providers mirror` filled, or unset it"
        ) from error


def initialise(mirror: Path | None) -> None:
    """Run `terraform init` for the services' code where that has not been done.

    Each new copy of the code needs it: the companion may not write there. Raises OperatorError.
    """
    state, root = paths.state() / "terraform", runtime.code() / "terraform"
    if terraform.is_initialised(state, root):
        return
    with step("Terraform providers" + (f" from the mirror {mirror}" if mirror else " from the registry")):
        try:
            terraform.initialise(state, mirror, root)
            accounts.give(state, "objects", whole=True)
        except terraform.TerraformError as error:
            raise OperatorError(
                f"terraform init failed: {error}",
                "check the connection to the provider registry, or name a provider mirror folder in CLOSECAST_TERRAFORM_MIRROR",
            ) from error
