"""The running platform, and an ordinary account of this machine, which has nothing to do with it."""

import os
import subprocess
from collections.abc import Callable

import pytest

from tests.e2e.conftest import platform
from tests.security.ordinary import ordinary

__all__ = ["platform"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def stranger() -> Run:
    """Runs a command as an ordinary account. Skips where the tests do not run as root: it would be the platform's own."""
    if os.geteuid() != 0:
        pytest.skip("only root can try from another account")
    return ordinary
