"""The command `restart`: restart a job and wait until it is healthy, one instance after the other."""

import time

from ops.cli.arguments import Arguments
from ops.cli.progress import say
from ops.down import flush
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.cluster import Cluster, wait
from ops.nomad.session import connect

# The effect on the rest meanwhile, if the job has one instance.
_MEANWHILE = {
    "postgres": "predictions go on and are written down later; keys, MLflow and Prefect wait for it",
    "cache": "predictions go on and are written down later",
    "localstack": "predictions and the ranking go on; training waits for it",
    "mlflow": "predictions go on; no model can be trained or promoted",
    "prefect": "predictions go on; no flow is started, and one that runs is tried again",
    "prefect-worker": "predictions go on; a flow that runs is ended",
    "journal": "predictions go on and are written down later",
    "shadow": "predictions go on, and those of the model in shadow follow later",
    "api": "callers of its own port are refused; those of the gateway wait for up to 10 s",
    "ui": "its sessions end; predictions go on",
    "gateway": "its callers are refused and the sessions of the user interface end; the API's own port goes on",
    "alerts": "alerts are told of later",
    "alertmanager": "alerts on metrics come later",
    "prometheus": "metrics of that time are missing, and alerts on them come later",
}
# A restart in place keeps the address: the gateway need not reload, which can break off new connections.
_IN_PLACE = ("api", "ui")
_SECONDS = 180


def restart(arguments: list[str]) -> int:
    """Restart a job, one instance after another: in place, or by replacing those that clients find by discovery."""
    name = (
        Arguments("restart", restart.__doc__).place("job", "its name, as `just status` lists it").given(arguments).job
    )
    jobs.file(name)
    if name not in jobs.NAMES:
        raise OperatorError(f"the job {name} runs only when a flow dispatches it", "there is nothing to restart")
    cluster = connect().cluster
    found = cluster.allocations(name)
    if not found:
        raise OperatorError(f"the job {name} is not running", "`just up` submits it")
    if len(found) == 1:
        say(f"{name} has one instance: until it is back, {_MEANWHILE[name]}")
        if name == "localstack":
            flush(cluster)
        say(f"✓ {name} is back after {_restart_in_place(cluster, name, found[0].id):.1f} s")
        return 0
    in_place = name in _IN_PLACE
    how = "restarted" if in_place else "replaced"
    say(f"{name} has {len(found)} instances: they are {how} one after another, while the others answer")
    for number, one in enumerate(found, 1):
        seconds = _restart_in_place(cluster, name, one.id) if in_place else _replace(cluster, name, one.id, len(found))
        say(f"✓ {name}, instance {number} of {len(found)} ({seconds:.1f} s)")
    return 0


def _restart_in_place(cluster: Cluster, name: str, allocation: str) -> float:
    """Restart an instance and wait until it is healthy; returns the seconds that took."""
    begin = time.monotonic()
    cluster.restart(allocation)
    _wait_until_healthy(cluster, name)
    return time.monotonic() - begin


def _replace(cluster: Cluster, name: str, allocation: str, number: int) -> float:
    """Replace one of `number` instances and wait until all are healthy; returns the seconds that took."""
    begin = time.monotonic()
    cluster.replace(allocation)
    _wait_until_replaced(cluster, name, allocation, number)
    return time.monotonic() - begin


def _wait_until_healthy(cluster: Cluster, name: str) -> None:
    wait(lambda: jobs.health(cluster, name).healthy, _SECONDS, f"the health of {name} after its restart")


def _wait_until_replaced(cluster: Cluster, name: str, old: str, number: int) -> None:
    """Wait until the old instance has stopped and all wanted ones are healthy."""

    def done() -> bool:
        wanted = [one.id for one in cluster.allocations(name)]
        return old not in cluster.live_allocations(name) and old not in wanted and len(wanted) == number

    wait(done, _SECONDS, f"the replacement of {name}'s allocation {old[:8]}")
    _wait_until_healthy(cluster, name)
