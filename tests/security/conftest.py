"""The running platform, and an ordinary account of this machine, which has nothing to do with it."""

import os
import subprocess
from collections.abc import Callable

import pytest

from tests.e2e.conftest import platform
from tests.security.ordinary import ordinary
from tests.skips import OF_ACCOUNT

__all__ = ["platform"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def stranger() -> Run:
    """Runs a command as an ordinary account. Skips where the tests do not run as root: it would be the platform's own."""
    if os.geteuid() != 0:
        pytest.skip(f"{OF_ACCOUNT} only root can try from another one")
    return ordinary
