"""The commands of the `prefect` group: the server and worker, the deployments, and their runs."""

import json
import webbrowser
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from ops import jobs
from ops.cluster import wait
from ops.deploy import deploy
from ops.errors import OperatorError
from ops.parameters import typed
from ops.pipeline import DEPLOYMENT, Prefect
from ops.progress import say, step
from ops.session import Session, connect
from ops.source import parse_source

_JOBS = ("prefect", "prefect-worker")
_CONSOLE = Console(soft_wrap=True, width=140)


def _prefect(session: Session) -> Prefect:
    return Prefect(jobs.address(session.cluster, "prefect"))


def _no_arguments(arguments: list[str]) -> None:
    if arguments:
        raise OperatorError(
            f"{arguments[0]!r} is one argument too many", "`just` lists the commands and what they take"
        )


def start(arguments: list[str]) -> int:
    """Submit the server's and the worker's job and wait until both are healthy."""
    _no_arguments(arguments)
    session = connect().managing()
    for name in _JOBS:
        session.cli.submit(name)
    for name in _JOBS:
        with step(f"{name} healthy"):
            wait(lambda name=name: jobs.health(session.cluster, name).healthy, 180, f"the health of {name}")  # type: ignore[misc]
    return 0


def stop(arguments: list[str]) -> int:
    """Stop the worker and the server; runs and deployments stay in the database."""
    _no_arguments(arguments)
    session = connect().managing()
    for name in reversed(_JOBS):
        with step(f"{name} stopped"):
            session.cluster.stop(name)
            wait(lambda name=name: not session.cluster.live_allocations(name), 60, f"the end of {name}")  # type: ignore[misc]
    return 0


def deploy_flows(arguments: list[str]) -> int:
    """Register the flows of flows/ as deployments."""
    _no_arguments(arguments)
    print(deploy(connect().cluster), end="")
    return 0


def run(arguments: list[str]) -> int:
    """Run a deployment, `train/closecast` unless named, with `name=value` parameters, and follow it to its end."""
    names = [argument for argument in arguments if "=" not in argument]
    texts = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    if len(names) > 1 or len(names) + len(texts) < len(arguments):
        raise OperatorError(
            f"{' '.join(arguments)} names more than one deployment, or one parameter twice",
            "write prefect-run <flow>/<deployment> <parameter>=<value> …",
        )
    if texts.get("source", "").startswith("file:"):
        texts["source"] = str(parse_source([f"source={texts['source']}"]))
    name = names[0] if names else DEPLOYMENT
    prefect = _prefect(connect())
    flow_run = prefect.submit(name, typed(name, texts, prefect.deployment(name)))
    say(f"flow run {flow_run} submitted; {prefect.address}/runs/flow-run/{flow_run}")
    prefect.follow(flow_run)
    return 0


def status(arguments: list[str]) -> int:
    """Health of the server and the worker, and the latest runs."""
    _no_arguments(arguments)
    session = connect()
    healths = [jobs.health(session.cluster, name) for name in _JOBS]
    for one in healths:
        print(f"{one.job:15} {one.word:30} {one.url}")
    if healths[0].healthy:
        _print_runs(_prefect(session), 5)
    return 0 if all(one.healthy for one in healths) else 1


def status_all(arguments: list[str]) -> int:
    """The same, with all deployments, their schedules, and the last twenty runs."""
    _no_arguments(arguments)
    session = connect()
    prefect = _prefect(session)
    table = Table("deployment", "state", "schedules", "work pool", box=None, pad_edge=False)
    for one in prefect.call("POST", "/deployments/filter", {}):
        flow = prefect.call("GET", f"/flows/{one['flow_id']}")
        schedules = "; ".join(json.dumps(entry["schedule"]) for entry in one["schedules"]) or "none"
        table.add_row(
            f"{flow['name']}/{one['name']}", "paused" if one["paused"] else "active", schedules, one["work_pool_name"]
        )
    _CONSOLE.print(table)
    _print_runs(prefect, 20)
    return 0


def _print_runs(prefect: Prefect, limit: int) -> None:
    runs = prefect.call("POST", "/flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": limit})
    if not runs:
        print("no flow runs yet; `just train` makes one")
        return
    table = Table("flow run", "state", "started", "seconds", "id", box=None, pad_edge=False)
    for one in runs:
        begun = (one["start_time"] or "")[:19].replace("T", " ")
        table.add_row(one["name"], one["state_type"].lower(), begun, f"{one['total_run_time']:.1f}", one["id"])
    _CONSOLE.print(table)


def logs(arguments: list[str]) -> int:
    """Log of a flow run, the latest unless its id is given."""
    prefect = _prefect(connect())
    run_id = arguments[0] if arguments else _latest(prefect)
    body = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC", "limit": 200}
    offset = 0
    while page := prefect.call("POST", "/logs/filter", {**body, "offset": offset}):
        for line in page:
            print(f"{line['timestamp'][:23]} {_level(line['level']):8} {line['message']}")
        offset += len(page)
    if not offset:
        print(f"flow run {run_id} has logged nothing")
    return 0


def _level(number: int) -> str:
    return {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}.get(number, str(number))


def _latest(prefect: Prefect) -> str:
    runs = prefect.call("POST", "/flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 1})
    if not runs:
        raise OperatorError("there are no flow runs yet", "`just train` makes one")
    return str(runs[0]["id"])


def ui(arguments: list[str]) -> int:
    """Print the address of Prefect's UI and open it where there is a browser."""
    _no_arguments(arguments)
    address = _prefect(connect()).address
    print(address)
    webbrowser.open(address)
    return 0


def pause(arguments: list[str]) -> int:
    """Pause a deployment's schedules, or all deployments'."""
    return _set_paused(arguments, paused=True)


def resume(arguments: list[str]) -> int:
    """Resume what was paused."""
    return _set_paused(arguments, paused=False)


def _set_paused(arguments: list[str], *, paused: bool) -> int:
    prefect = _prefect(connect())
    chosen = [prefect.deployment(name) for name in arguments] or prefect.call("POST", "/deployments/filter", {})
    for one in chosen:
        prefect.call("PATCH", f"/deployments/{one['id']}", {"paused": paused})
        print(
            f"{one['name']} of flow {prefect.call('GET', '/flows/' + one['flow_id'])['name']}: {'paused' if paused else 'active'}"
        )
    return 0


def clean(arguments: list[str]) -> int:
    """Delete flow runs that ended more than `days=30` ago; models, MLflow runs and data are not touched."""
    days = 30
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name != "days" or not value.isdecimal():
            raise OperatorError(f"{argument!r} is not an argument of this command", "write days=<whole number>")
        days = int(value)
    prefect = _prefect(connect())
    before = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    ended = {"flow_runs": {"end_time": {"before_": before}}, "limit": 200}
    deleted = 0
    while runs := prefect.call("POST", "/flow_runs/filter", ended):
        for one in runs:
            prefect.call("DELETE", f"/flow_runs/{one['id']}")
        deleted += len(runs)
    print(f"deleted {deleted} flow runs that ended more than {days} days ago")
    return 0


COMMANDS = {
    "prefect-start": start,
    "prefect-stop": stop,
    "prefect-deploy": deploy_flows,
    "prefect-run": run,
    "prefect-status": status,
    "prefect-status-all": status_all,
    "prefect-logs": logs,
    "prefect-ui": ui,
    "prefect-pause": pause,
    "prefect-resume": resume,
    "prefect-clean": clean,
}
