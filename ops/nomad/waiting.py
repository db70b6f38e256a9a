"""Wait until the jobs that were submitted are healthy, and say why one is not."""

import time
from collections.abc import Mapping

from closecast.platform.printable import printable
from ops.cli.progress import say
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.cluster import Allocation, Cluster
from ops.nomad.jobs import Health

# Two jobs placed at once may get the same port; Nomad detects it and places one of them again.
_PLACEMENT_SECONDS = 10.0
# How the log lines of our services tell their level. Behind these there are lines of refused health checks.
_TOLD = ('"level": "warning"', '"level": "error"')


def wait_until_healthy(
    cluster: Cluster,
    submitted: Mapping[str, int],
    ignore: tuple[str, ...] = (),
    seconds: float = 300,
    announce: bool = False,
) -> None:
    """Wait until each job is healthy in the version that was `submitted`, but for the checks in `ignore`.

    With `announce`, each is named as soon as it is.

    Raises OperatorError with the last line of the log of one that does not, or that Nomad took back.
    """
    deadline = time.monotonic() + seconds
    missing = list(submitted)
    unplaced: dict[str, float] = {}
    while True:
        found = jobs.healths(cluster, missing, ignore=ignore)
        for name in list(missing):
            # A job file may have Nomad go back to the version before when the new one fails; that may be a stopped one.
            if found[name].healthy or found[name].word == "stopped":
                _require_version(cluster, name, submitted[name])
            if found[name].healthy:
                missing.remove(name)
                if announce:
                    say(f"✓ {name} healthy")
        if not missing:
            return
        for name in missing:
            if not found[name].word.startswith("not placed"):
                unplaced.pop(name, None)
            elif time.monotonic() - unplaced.setdefault(name, time.monotonic()) > _PLACEMENT_SECONDS:
                raise _unplaced(found[name])
        if time.monotonic() > deadline:
            raise _unhealthy(cluster, found[missing[0]], seconds)
        time.sleep(0.25)


def _require_version(cluster: Cluster, name: str, version: int) -> None:
    if cluster.version(name) == version:
        return
    failed = cluster.last_allocation(name, version)
    last = _last_line(cluster, failed) if failed else "it was never placed"
    where = f"`just nomad alloc logs -stderr {failed.id[:8]}`" if failed else f"`just nomad job status {name}`"
    raise OperatorError(
        f"the new version of {name} was not healthy in time, and Nomad went back to the one before; its last line: {last}",
        f"read {where}; once it is fixed, run `just up` again",
    )


def _unplaced(health: Health) -> OperatorError:
    return OperatorError(
        f"Nomad cannot place the job {health.job}: {health.word.removeprefix('not placed: ')}",
        f"free what it names on this machine, or ask for less in jobs/{health.job}.nomad.hcl",
    )


def _unhealthy(cluster: Cluster, health: Health, seconds: float) -> OperatorError:
    allocation = cluster.allocation(health.job)
    last = _last_line(cluster, allocation) if allocation else "it wrote nothing"
    return OperatorError(
        f"{health.job} is not healthy after {seconds:.0f} s: {health.word} (restarted {health.restarts} times); its last line: {last}",
        f"read `just logs {health.job}`; once it is fixed, run `just up` again",
    )


def _last_line(cluster: Cluster, allocation: Allocation) -> str:
    """The last warning or error of the first task that wrote anything, or else its last line."""
    tails = [cluster.log_tail(allocation, task.name).strip() for task in allocation.tasks]
    lines = next((tail.splitlines() for tail in tails if tail), ["it wrote nothing"])
    told = [line for line in lines if any(level in line for level in _TOLD)]
    return printable((told or lines)[-1])  # a service may log what a stranger sent
