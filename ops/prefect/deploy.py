"""Register the flows with Prefect, unless this version of them is registered already."""

import hashlib
import os
import subprocess

from ops import paths
from ops.cli.progress import say, step
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.cluster import Cluster
from ops.prefect.pipeline import DEPLOYMENT, Prefect
from ops.setup import runtime
from ops.setup.credentials import Credentials
from ops.terraform import local

_NO_NEWS = (": created", ": created, paused", ": already there", ": up to date")


def _digest() -> str:
    """SHA-256 of the flows' sources and their path."""
    sources = sorted((paths.PROJECT / "flows").glob("*.py"))
    parts = [str(runtime.code()).encode(), *(source.read_bytes() for source in sources)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def ensure_deployments(cluster: Cluster) -> None:
    """Deploy when the flows have changed since the last time, or Prefect has lost them."""
    done = paths.state() / "deployed"
    if done.exists() and done.read_text() == _digest() and _is_known(Prefect(jobs.address(cluster, "prefect"))):
        return
    with step("flows deployed to Prefect"):
        printed = deploy(cluster)
    for line in printed.splitlines():
        if not line.endswith(_NO_NEWS):
            say(f"  {line}")


def deploy(cluster: Cluster) -> str:
    """Register all deployments and return the output. Raises OperatorError with the last line of a failure."""
    runtime.refresh()
    local.initialise(local.provider_mirror())
    # In the folder where the worker will run them: the path is part of a deployment.
    code = str(runtime.code())
    environment = {
        **os.environ,
        "PREFECT_API_URL": f"{jobs.address(cluster, 'prefect')}/api",
        "PREFECT_API_AUTH_STRING": Credentials.load().prefect_auth_string,
        "PYTHONPATH": code,
    }
    command = [str(paths.PYTHON), "-m", "flows.deployments"]
    done = subprocess.run(
        command,
        cwd=code,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["it wrote nothing"]
        raise OperatorError(
            f"the flows could not be deployed: {lines[-1]}", "see `just logs prefect`, then `just prefect-deploy`"
        )
    (paths.state() / "deployed").write_text(_digest())
    return done.stdout


def _is_known(prefect: Prefect) -> bool:
    try:
        return bool(prefect.deployment(DEPLOYMENT))
    except OperatorError:
        return False
