"""The platform's jobs: their files, their submission, and health checks of their services."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from closecast.platform.nomad.discovery import NotAnsweringError, wait_for
from ops import paths
from ops.errors import OperatorError
from ops.nomad.agent import Agent
from ops.nomad.cluster import Allocation, Cluster
from ops.paths import JOBS, LOCAL_VARS
from ops.setup import caddy_binary, metrics_binaries
from ops.setup.nomad_binary import Nomad

# In the order of their start: dependencies first.
NAMES = (
    "postgres",
    "cache",
    "localstack",
    "mlflow",
    "prefect",
    "prefect-worker",
    "journal",
    "shadow",
    "api",
    "ui",
    "gateway",
    "alerts",
    "alertmanager",
    "prometheus",
)
_ON_METRICS = ("alertmanager", "prometheus")
# Parameterized: registered like the others, but run only when a flow dispatches them.
BATCH = ("trial", "score")
# Pages for people; programs find the rest by service discovery.
PAGES = {"mlflow": "/", "prefect": "/", "api": "/schema", "ui": "/", "gateway": "/"}
_SCHEMES = {"postgres": "postgresql", "cache": "redis", "gateway": "https"}


def runnable() -> tuple[str, ...]:
    """The jobs of NAMES that this machine can run: some need a program that not every machine has."""
    has_caddy, has_metrics = caddy_binary.find() is not None, metrics_binaries.find() is not None
    return tuple(
        name for name in NAMES if (has_caddy or name != "gateway") and (has_metrics or name not in _ON_METRICS)
    )


def root_certificate() -> Path:
    """The file of the root certificate that signs the gateway's local certificates."""
    return paths.state() / "gateway" / "pki" / "authorities" / "local" / "root.crt"


def file(name: str) -> Path:
    """The job's file. Raises OperatorError when there is no such job."""
    if name not in (*NAMES, *BATCH):
        raise OperatorError(f"there is no job {name!r}", f"name one of {', '.join((*NAMES, *BATCH))}")
    return JOBS / f"{name}.nomad.hcl"


def specification(nomad: Nomad, name: str, variables: Path = LOCAL_VARS) -> dict[str, Any]:
    """The job as Nomad's own parser reads its file, with a file of variables. Raises OperatorError with Nomad's reason."""
    command = [str(nomad.path), "job", "run", "-output", f"-var-file={variables}", str(file(name))]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        raise OperatorError(
            f"jobs/{name}.nomad.hcl cannot be read: {' '.join(done.stderr.split())}",
            f"correct it, or {variables.name}",
        )
    found: dict[str, Any] = json.loads(done.stdout)["Job"]
    return found


@dataclass(frozen=True)
class Cli:
    """The nomad command line, with address and token in its environment, which process lists don't show."""

    nomad: Nomad
    agent: Agent
    token: str

    def environment(self) -> dict[str, str]:
        plain = {"NOMAD_CLI_NO_COLOR": "1"} if os.environ.get("NO_COLOR") else {}
        return {**os.environ, **plain, "NOMAD_ADDR": self.agent.address, "NOMAD_TOKEN": self.token}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.nomad.path), *arguments]
        return subprocess.run(
            command, env=self.environment(), capture_output=True, encoding="utf-8", errors="replace", check=False
        )

    def submit(self, name: str) -> None:
        """Run `nomad job run` on the unchanged file. Raises OperatorError with Nomad's reason."""
        done = self.run("job", "run", "-detach", f"-var-file={LOCAL_VARS}", str(file(name)))
        if done.returncode:
            reason = " ".join((done.stderr or done.stdout).split())
            raise OperatorError(
                f"Nomad did not take the job {name}: {reason}", f"check jobs/{name}.nomad.hcl and jobs/vars/local.hcl"
            )

    def fixed_ports(self, name: str) -> dict[str, int]:
        """The job's static ports by label, from Nomad's own parser."""
        groups = specification(self.nomad, name)["TaskGroups"]
        networks = [network for group in groups for network in group.get("Networks") or []]
        return {port["Label"]: port["Value"] for network in networks for port in network.get("ReservedPorts") or []}


@dataclass(frozen=True)
class Check:
    """A health check of the job's file, at the address of its allocation."""

    service: str
    name: str
    url: str

    def passes(self) -> bool:
        """Run the check now: Nomad runs it only every few seconds."""
        try:
            if self.url.startswith("tcp"):
                wait_for(self.url, seconds=0)
                return True
            # The process on the job's port is assumed to be the job: this checks whether it answers, not its identity.
            return httpx.get(self.url, timeout=2, verify=False).is_success  # nosec B501
        except (httpx.HTTPError, NotAnsweringError):
            return False


def checks(job: dict[str, Any], allocation: Allocation) -> Iterator[Check]:
    """All checks of the job's services, including advisory ones (`on_update = "ignore"`)."""
    ports = {port.label: port for port in allocation.ports}
    for group in job["TaskGroups"]:
        for service in group.get("Services") or []:
            for check in service.get("Checks") or []:
                port = ports.get(check.get("PortLabel") or service["PortLabel"])
                if port is None:
                    continue
                scheme = "tcp" if check["Type"] == "tcp" else check.get("Protocol") or "http"
                url = f"{scheme}://{port.host}:{port.number}{check.get('Path') or ''}"
                yield Check(service["Name"], check["Name"], url)


@dataclass(frozen=True)
class Health:
    """The health of one job, for `status`."""

    job: str
    healthy: bool
    word: str
    url: str
    restarts: int


def health(cluster: Cluster, name: str, *, ignore: tuple[str, ...] = ()) -> Health:
    """Check the health of a job now by its own checks, except those in `ignore`."""
    job = cluster.job(name)
    if job is None or job["Stop"]:
        return Health(name, False, "stopped" if job else "not submitted", "", 0)
    allocations = cluster.allocations(name)
    restarts = sum(task.restarts for allocation in allocations for task in allocation.tasks)
    url = page_url(allocations[-1], name) if allocations else ""
    if len(allocations) < instances(job):
        reason = cluster.placement_failure(name)
        return Health(name, False, f"not placed: {reason}" if reason else "being placed", url, restarts)
    if len(allocations) > instances(job) or any(allocation.version != job["Version"] for allocation in allocations):
        # Right after a submission there are only allocations of the version before, which are healthy.
        return Health(name, False, "being updated", url, restarts)
    for allocation in allocations:
        problem = _problem(job, allocation, ignore)
        if problem:
            return Health(name, False, problem, url, restarts)
    return Health(name, True, "healthy", url, restarts)


def templates(cluster: Cluster, name: str) -> list[str]:
    """The templates of the running job's tasks; empty when it does not exist."""
    groups = (cluster.job(name) or {"TaskGroups": []})["TaskGroups"]
    return [one["EmbeddedTmpl"] for group in groups for task in group["Tasks"] for one in task.get("Templates") or []]


def instances(job: dict[str, Any]) -> int:
    """The number of allocations that the job requests."""
    return sum(group.get("Count", 1) for group in job["TaskGroups"])


def _problem(job: dict[str, Any], allocation: Allocation, ignore: tuple[str, ...]) -> str | None:
    waiting = [task for task in allocation.tasks if task.state != "running"]
    if waiting:
        return f"{waiting[0].state}: {waiting[0].last_event}"
    for check in checks(job, allocation):
        if check.name not in ignore and not check.passes():
            return f"check “{check.name}” of {check.service} fails"
    return None


def healths(cluster: Cluster, names: Sequence[str], *, ignore: tuple[str, ...] = ()) -> dict[str, Health]:
    """Check several jobs in parallel, so that a slow one does not delay the others."""
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(lambda name: health(cluster, name, ignore=ignore), names), strict=True))


def address(cluster: Cluster, name: str) -> str:
    """Base URL of the job's first port. Raises OperatorError when the job does not run."""
    allocation = cluster.allocation(name)
    if allocation is None or not allocation.ports:
        raise OperatorError(f"{name} is not running", "run `just up`, or `just status` to see what is there")
    return f"{_SCHEMES.get(name, 'http')}://{allocation.ports[0].host}:{allocation.ports[0].number}"


def page_url(allocation: Allocation, name: str) -> str:
    if not allocation.ports:
        return ""
    port = allocation.ports[0]
    return f"{_SCHEMES.get(name, 'http')}://{port.host}:{port.number}{PAGES.get(name, '')}"
