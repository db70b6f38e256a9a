"""Find a folder with Terraform's provider plugins, for machines that cannot reach the provider registry."""

import os
import re
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parents[2] / "terraform" / "environments" / "local"


def pinned_version() -> str:
    """The release of the AWS provider that the local environment requires."""
    match = re.search(
        r'source\s*=\s*"hashicorp/aws"\s*version\s*=\s*"([\d.]+)"', (ENVIRONMENT / "versions.tf").read_text()
    )
    if match is None:
        raise ValueError(f"{ENVIRONMENT / 'versions.tf'} pins no release of hashicorp/aws")
    return match.group(1)


def find_provider_mirror() -> Path | None:
    """The mirror folder named by CLOSECAST_TERRAFORM_MIRROR, else one in Terraform's standard places.

    A mirror has the layout <folder>/<registry>/hashicorp/aws/<pinned release>. Raises FileNotFoundError when
    the variable names a folder that is not one: a requested mirror is never ignored silently.
    """
    named = os.environ.get("CLOSECAST_TERRAFORM_MIRROR")
    if named:
        if not is_mirror(Path(named)):
            raise FileNotFoundError(
                f"CLOSECAST_TERRAFORM_MIRROR names {named}, which holds no hashicorp/aws {pinned_version()}"
            )
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    usual = [
        "~/.terraform.d/plugins",
        f"{data}/terraform/plugins",
        "/usr/local/share/terraform/plugins",
        "/usr/share/terraform/plugins",
    ]
    candidates = [Path(folder).expanduser() for folder in usual]
    opt = Path("/opt")
    if opt.is_dir():
        candidates += sorted(opt.iterdir())
    return next((folder for folder in candidates if is_mirror(folder)), None)


def is_mirror(folder: Path) -> bool:
    try:
        return any(folder.glob(f"*/hashicorp/aws/{pinned_version()}")) or any(
            folder.glob(f"*/hashicorp/aws/*_{pinned_version()}_*.zip")
        )
    except PermissionError:
        return False
