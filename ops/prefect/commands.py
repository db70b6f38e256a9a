"""The commands of the `prefect` group: server and worker, deployments, and runs."""

import json
import webbrowser
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from closecast.cli.arguments import number
from closecast.cli.mapping import read_mapping
from closecast.cli.source import parse_source
from ops.cli.arguments import Arguments, nothing
from ops.cli.progress import say, step
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.cluster import wait
from ops.nomad.session import Session, connect
from ops.prefect.deploy import deploy
from ops.prefect.parameters import typed
from ops.prefect.pipeline import DEPLOYMENT, Prefect

_JOBS = ("prefect", "prefect-worker")
_CONSOLE = Console(soft_wrap=True, width=140)


def _prefect(session: Session) -> Prefect:
    return Prefect(jobs.address(session.cluster, "prefect"))


def start(arguments: list[str]) -> int:
    """Submit the jobs of server and worker, and wait until both are healthy."""
    nothing("prefect-start", start.__doc__, arguments)
    session = connect().managing()
    for name in _JOBS:
        session.cli.submit(name)
    for name in _JOBS:
        with step(f"{name} healthy"):
            wait(lambda name=name: jobs.health(session.cluster, name).healthy, 180, f"the health of {name}")  # type: ignore[misc]
    return 0


def stop(arguments: list[str]) -> int:
    """Stop the worker and the server; runs and deployments stay in the database."""
    nothing("prefect-stop", stop.__doc__, arguments)
    session = connect().managing()
    for name in reversed(_JOBS):
        with step(f"{name} stopped"):
            session.cluster.stop(name)
            wait(lambda name=name: not session.cluster.live_allocations(name), 60, f"the end of {name}")  # type: ignore[misc]
    return 0


def deploy_flows(arguments: list[str]) -> int:
    """Register the flows of flows/ as deployments."""
    nothing("prefect-deploy", deploy_flows.__doc__, arguments)
    print(deploy(connect().cluster), end="")
    return 0


def run(arguments: list[str]) -> int:
    """Run a deployment (default:

    `train/closecast`) with `--name value` parameters of its flow, and follow it to its end.

    An unknown parameter is answered with the known ones.
    """
    wanted = Arguments("prefect-run", run.__doc__).place("deployment", "as train/closecast", "?")
    name, texts = parsed(wanted, arguments)
    if texts.get("source", "").startswith("file:"):
        texts["source"] = str(parse_source(texts["source"]))
    if "mapping" in texts:
        texts["mapping"] = str(read_mapping(texts["mapping"]))
    prefect = _prefect(connect())
    flow_run = prefect.submit(name, typed(name, texts, prefect.deployment(name)))
    say(f"flow run {flow_run} submitted; {prefect.address}/runs/flow-run/{flow_run}")
    prefect.follow(flow_run)
    return 0


def parsed(wanted: Arguments, arguments: list[str]) -> tuple[str, dict[str, str]]:
    """The deployment, and the texts of its parameters by name, not yet validated by its flow."""
    texts: dict[str, str] = {}
    rest, coming = [], iter(arguments)
    for argument in coming:
        name, equals, value = argument.removeprefix("--").partition("=")
        if argument in ("-h", "--help") or not (equals or argument.startswith("--")):
            rest.append(argument)
            continue
        name, text = name.replace("-", "_"), value if equals else next(coming, None)
        if text is None or name in texts:
            wanted.error(f"--{name} {'lacks its value' if text is None else 'is there twice'}")
        texts[name] = text
    return wanted.given(rest).deployment or DEPLOYMENT, texts


def status(arguments: list[str]) -> int:
    """Show the health of server and worker, and the latest runs."""
    nothing("prefect-status", status.__doc__, arguments)
    session = connect()
    healths = [jobs.health(session.cluster, name) for name in _JOBS]
    for one in healths:
        print(f"{one.job:15} {one.word:30} {one.url}")
    if healths[0].healthy:
        _print_runs(_prefect(session), 5)
    return 0 if all(one.healthy for one in healths) else 1


def status_all(arguments: list[str]) -> int:
    """Show the health of server and worker, all deployments with their schedules, and the last twenty runs."""
    nothing("prefect-status-all", status_all.__doc__, arguments)
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


def _runs(prefect: Prefect, limit: int) -> list[dict[str, Any]]:
    """The latest flow runs that are due; schedules have made others for days to come."""
    due = {"flow_runs": {"expected_start_time": {"before_": datetime.now(UTC).isoformat()}}}
    found: list[dict[str, Any]] = prefect.call(
        "POST", "/flow_runs/filter", {**due, "sort": "EXPECTED_START_TIME_DESC", "limit": limit}
    )
    return found


def _print_runs(prefect: Prefect, limit: int) -> None:
    runs = _runs(prefect, limit)
    if not runs:
        print("no flow runs yet; `just train` makes one")
        return
    table = Table("flow run", "state", "started", "seconds", "id", box=None, pad_edge=False)
    for one in runs:
        begun = (one["start_time"] or "")[:19].replace("T", " ")
        table.add_row(one["name"], one["state_type"].lower(), begun, f"{one['total_run_time']:.1f}", one["id"])
    _CONSOLE.print(table)


def logs(arguments: list[str]) -> int:
    """Print the log of a flow run (default: the latest)."""
    given = Arguments("prefect-logs", logs.__doc__).place("run", "the id of a flow run", "?").given(arguments)
    prefect = _prefect(connect())
    run_id = given.run or _latest(prefect)
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
    runs = _runs(prefect, 1)
    if not runs:
        raise OperatorError("there are no flow runs yet", "`just train` makes one")
    return str(runs[0]["id"])


def ui(arguments: list[str]) -> int:
    """Print the address of Prefect's UI, and open it if there is a browser."""
    nothing("prefect-ui", ui.__doc__, arguments)
    address = _prefect(connect()).address
    print(address)
    webbrowser.open(address)
    return 0


def pause(arguments: list[str]) -> int:
    """Pause a deployment's schedules, or all deployments'."""
    return _set_paused("prefect-pause", pause.__doc__, arguments, paused=True)


def resume(arguments: list[str]) -> int:
    """Resume the schedules of a deployment, or of all."""
    return _set_paused("prefect-resume", resume.__doc__, arguments, paused=False)


def _set_paused(command: str, does: str | None, arguments: list[str], *, paused: bool) -> int:
    given = (
        Arguments(command, does).place("deployment", "for example train/closecast (default: all)", "*").given(arguments)
    )
    prefect = _prefect(connect())
    chosen = [prefect.deployment(name) for name in given.deployment] or prefect.call("POST", "/deployments/filter", {})
    for one in chosen:
        prefect.call("PATCH", f"/deployments/{one['id']}", {"paused": paused})
        print(
            f"{one['name']} of flow {prefect.call('GET', '/flows/' + one['flow_id'])['name']}: {'paused' if paused else 'active'}"
        )
    return 0


def clean(arguments: list[str]) -> int:
    """Delete old flow runs; models, MLflow runs and data are not touched."""
    wanted = Arguments("prefect-clean", clean.__doc__)
    days = wanted.option("days", number(0, 36_500), "since they ended (default: 30)", default=30).given(arguments).days
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
