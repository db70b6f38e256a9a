"""Paths on this machine: the project, its environments, its state and the cache that clones share."""

import hashlib
import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
LOCAL = PROJECT / ".closecast"
VENV = PROJECT / ".venv"
VENV_LOCALSTACK = PROJECT / ".venv-localstack"
VENV_CHECKS = PROJECT / ".venv-checks"
PYTHON = VENV / "bin" / "python"
JOBS = PROJECT / "jobs"
LOCAL_VARS = JOBS / "vars" / "local.hcl"


def state() -> Path:
    """The folder of the platform's data: databases, objects, Nomad's data, credentials.

    As root it is below /var/lib, because PostgreSQL refuses to run as root, and the user it runs as must be able to
    reach its data, which is not possible below a private home directory. `CLOSECAST_STATE` overrides it.
    """
    named = os.environ.get("CLOSECAST_STATE")
    if named:
        return Path(named).expanduser().resolve()
    if os.geteuid() == 0:
        digest = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:8]
        return Path("/var/lib/closecast") / f"{PROJECT.name}-{digest}"
    return LOCAL / "state"


def cache() -> Path:
    """The folder for expensive artifacts that clones share (the Nomad binary); `CLOSECAST_CACHE` overrides it."""
    named = os.environ.get("CLOSECAST_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "closecast"
