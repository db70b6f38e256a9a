"""A copy of the Terraform tree, with working data of its own."""

import shutil
from pathlib import Path

import pytest

from ops.terraform import trial


def require_terraform() -> None:
    """Skip the test where there is no Terraform."""
    if shutil.which("terraform") is None:
        pytest.skip("there is no terraform on PATH: `./just doctor` tells how to get it")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy, so that nothing appears in the original; nothing of the caller's own AWS is seen."""
    require_terraform()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    return trial.copy(tmp_path)
