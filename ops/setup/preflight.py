"""Checks of this machine before anything is started, each with a remedy. Standard library only."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ops import paths
from ops.errors import OperatorError
from ops.setup import accounts, runtime, system
from ops.setup.caddy_binary import CADDY
from ops.setup.environment import LOCALSTACK, runtime_is_ready
from ops.setup.metrics_binaries import ALERTMANAGER, PROMETHEUS
from ops.setup.nomad_binary import NOMAD
from services.bucket_mirror.providers import find_provider_mirror

# The first release with write-only arguments, which keep secrets out of the state.
OLDEST_TERRAFORM = (1, 11)
# Nomad reserves 300 MB for each of the nine jobs; the environments take 1.6 GB, and building Nomad as much temporarily.
FIRST_START_MB, LATER_START_MB = 6144, 3072


def python() -> str:
    if not (3, runtime.OLDEST) <= sys.version_info[:2] <= (3, runtime.NEWEST):
        raise OperatorError(
            f"Python {sys.version.split()[0]} at {sys.executable} is not supported",
            f"install Python 3.{runtime.OLDEST} to 3.{runtime.NEWEST} and name it in CLOSECAST_PYTHON, or use ./just, which looks for one",
        )
    return f"Python {sys.version.split()[0]} at {sys.executable}"


def disk() -> str:
    needed = LATER_START_MB if runtime_is_ready() and LOCALSTACK.is_ready() else FIRST_START_MB
    for folder in (paths.PROJECT, _existing(paths.state())):
        free = shutil.disk_usage(folder).free // 2**20
        if free < needed:
            raise OperatorError(
                f"only {free} MB are free on the disk of {folder}; {needed} MB are needed",
                "free some space, or move the platform's data with CLOSECAST_STATE=<folder on another disk>",
            )
    return f"disk: {shutil.disk_usage(_existing(paths.state())).free // 2**20} MB free (at least {needed} needed)"


def state() -> str:
    folder = paths.state()
    existing = _existing(folder)
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OperatorError(
            f"the folder for the platform's data, {folder}, cannot be written by this user",
            "it may belong to an earlier run as root: give it back with chown, or name another one in CLOSECAST_STATE",
        )
    closed = runtime.first_closed(folder.parent) if accounts.wanted() else None
    if closed:
        raise OperatorError(
            f"{closed} is closed to other users, so the accounts that services run as cannot reach {folder}",
            "leave CLOSECAST_STATE unset (root's data then lies under /var/lib), or name a folder that others may enter",
        )
    return f"data folder: {folder}"


def terraform() -> str:
    found = shutil.which("terraform")
    if not found:
        raise OperatorError(
            "there is no terraform on PATH",
            "install Terraform 1.11 or newer from your package manager or its official site, then run it again",
        )
    try:
        done = subprocess.run(
            [found, "version", "-json"], capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=20
        )
        version = json.loads(done.stdout)["terraform_version"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        raise OperatorError(
            f"{found} does not print its version ({error})", "install Terraform 1.11 or newer"
        ) from error
    if tuple(map(int, version.split("-")[0].split(".")[:2])) < OLDEST_TERRAFORM:
        raise OperatorError(
            f"Terraform {version} at {found} is too old: it would write secrets into its state",
            "install Terraform 1.11 or newer from your package manager or its official site, then run it again",
        )
    try:
        mirror = find_provider_mirror()
    except FileNotFoundError as error:
        raise OperatorError(
            str(error), "name a folder that `terraform providers mirror` filled, or unset it"
        ) from error
    return f"Terraform {version} at {found}, plugins from {mirror or 'the registry'}"


CHECKS = (
    system.require_supported,
    python,
    disk,
    state,
    terraform,
    NOMAD.describe,
    CADDY.describe,
    PROMETHEUS.describe,
    ALERTMANAGER.describe,
)


def findings() -> Iterator[str | OperatorError]:
    """One line or one error per requirement."""
    for check in CHECKS:
        try:
            yield check()
        except OperatorError as error:
            yield error


def require() -> None:
    """Raise the first error among the findings."""
    for finding in findings():
        if isinstance(finding, OperatorError):
            raise finding


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
