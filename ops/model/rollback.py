"""The command `rollback [version] [--force] [--dry-run]`: make an earlier version champion again, through the API."""

import time
from typing import Any

from ops.api import predict
from ops.api.client import Api
from ops.cli.arguments import Arguments
from ops.errors import OperatorError
from ops.nomad.session import connect

_ROUTE = "/v1/model/rollback"
_TAKEN_UP_SECONDS = 30.0


def rollback(arguments: list[str]) -> int:
    """Make an earlier version champion again, by default the champion before this one."""
    given = (
        Arguments("rollback", rollback.__doc__)
        .place("version", "its number in MLflow (default: the champion before this one)", "?")
        .flag("force", "also where the gate refused it, or it was trained on other deals")
        .flag("dry-run", "only say what would be done")
        .given(arguments)
    )
    if given.version is not None and not (given.version.isascii() and given.version.isdecimal()):
        raise OperatorError(
            "rollback takes the number of a version", "write `just rollback [version]`; MLflow lists them"
        )
    print(rolled_back(predict.client(connect()), given.version, given.force, given.dry_run))
    return 0


def rolled_back(api: Api, version: str | None, force: bool = False, dry_run: bool = False) -> str:
    """Roll back, and describe what was done or would be. Raises OperatorError with what to type instead."""
    asked = {} if version is None else {"version": version}
    plan = api.call("POST", _ROUTE, json={**asked, "dry_run": True})
    target, champion = plan["target"], plan["champion"]
    if champion is not None and champion["run_id"] == target["run_id"]:
        return f"{_named(target)} is champion already: nothing was done"
    where = f"{_named(target)}, in the place of " + ("no champion" if champion is None else _named(champion))
    if any(one["final"] or not force for one in plan["objections"]) and not dry_run:
        raise _refusal(target, plan["objections"])
    if dry_run:
        said = [f"  against it: {one['detail']}\n  remedy: {one['remedy']}" for one in plan["objections"]]
        return "\n".join([f"dry run, nothing was done; would be champion: {where}", *said, *_notes(plan)])
    expected = "none" if champion is None else champion["version"]
    # The version by number: what is default now may be another one in a moment.
    body = {"version": target["version"], "expected": expected, "force": force}
    done = api.call("POST", _ROUTE, json=body)
    taken_up = _taken_up(api, target)
    back = [] if champion is None else [f"to go forward again: just rollback {champion['version']}"]
    overruled = [f"overruled: {one['detail']}" for one in done["objections"]]
    return "\n".join([f"champion: {where}", *overruled, *_notes(done), taken_up, *back])


def _refusal(target: dict[str, Any], objections: list[dict[str, Any]]) -> OperatorError:
    problem = f"{_named(target)} was not made champion: {'; '.join(one['detail'] for one in objections)}"
    final = [one["remedy"] for one in objections if one["final"]]
    remedy = f"if it must serve all the same: just rollback {target['version']} --force"
    return OperatorError(problem, "; ".join(final) if final else remedy)


def _taken_up(api: Api, target: dict[str, Any]) -> str:
    """Wait until the API serves `target`, and say whether it does."""
    deadline = time.monotonic() + _TAKEN_UP_SECONDS
    while time.monotonic() < deadline:
        if _served(api) == target["run_id"]:
            return "the API serves it"
        time.sleep(0.2)
    return "the API does not serve it yet: see `just status`"


def _served(api: Api) -> str | None:
    """The run of the model that the API serves; None while it serves none."""
    ready, _ = api.readiness()
    return str(api.call("GET", "/v1/model")["run_id"]) if ready else None


def _notes(answer: dict[str, Any]) -> list[str]:
    return [f"note: {one}" for one in answer["notes"]]


def _named(model: dict[str, Any]) -> str:
    return f"version {model['version']} (run {model['run_id'][:8]})"
