"""No secret of the running platform stands in a log, a job, a command line or the repository."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import asdict

import psutil
import pytest

from ops.nomad import jobs
from tests.e2e.conftest import PROJECT, Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
# Names and settings, not secrets.
_PUBLIC = {"object_store_access_key", "model_former_keys", "alert_sinks", "sign_in_provider"}


def _shown(platform: Platform) -> Iterator[tuple[str, bytes]]:
    """Where something is written that others may read, or that is kept."""
    session = platform.session.managing()
    for file in sorted(session.agent.data.parent.rglob("*")):
        # Of tasks (their standard output and error), and of both of Nomad's processes.
        if file.is_file() and (file.parent.name == "logs" or file.suffix == ".log"):
            yield str(file.relative_to(session.agent.data.parent)), file.read_bytes()
    for name in (*jobs.NAMES, *jobs.BATCH):
        yield f"job {name}", json.dumps(session.cluster.job(name)).encode()
    for process in psutil.process_iter(["cmdline"]):
        yield f"command line {process.pid}", " ".join(process.info["cmdline"] or []).encode()
    for name in subprocess.check_output(["git", "ls-files"], cwd=PROJECT, text=True).splitlines():
        yield name, (PROJECT / name).read_bytes()


def test_no_secret_is_shown(platform: Platform) -> None:
    secrets = {
        name: value.encode()
        for name, value in asdict(platform.session.credentials).items()
        if name not in _PUBLIC and value
    }
    assert len(secrets) > 25
    assert min(map(len, secrets.values())) >= 20
    seen = 0
    found = []
    for where, content in _shown(platform):
        seen += 1
        found += [f"{name} in {where}" for name, value in secrets.items() if value in content]
    assert seen > 1500
    assert found == []
