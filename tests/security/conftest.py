"""An ordinary account of this machine, which has nothing to do with Closecast."""

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import platform

__all__ = ["platform"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def stranger() -> Iterator[Run]:
    """Runs a command as an account that is made for this and removed afterwards. Skips where the tests do not run as root."""
    if os.geteuid() != 0:
        pytest.skip("only root can make another account to try from")
    account = f"closecast-x{os.getpid() % 10_000}"
    subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/bin/sh", account], check=True)

    def run(*command: str) -> "subprocess.CompletedProcess[str]":
        return as_account(account, *command)

    yield run
    subprocess.run(["userdel", account], check=True)


def as_account(account: str, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as `account`, with nothing of this process's environment."""
    how = ["runuser", "-u", account, "--", "env", "-i", "-C", "/", "PATH=/usr/bin:/bin", *command]
    return subprocess.run(how, capture_output=True, text=True, check=False, timeout=60)
