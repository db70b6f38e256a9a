"""Which model was champion when, by whom and why: written to the audit log with each change, and read from there.

The audit log has three acts about it. Whoever moves the alias by our rules logs that a model was promoted or rolled back
to. Instances of the API log each champion that they load, which also covers an alias that was moved by hand in MLflow.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Literal, LiteralString

import psycopg

from closecast.platform.callers.audit import Head
from closecast.platform.mlflow.identity import Identity

Connection = psycopg.Connection[Any]
Act = Literal["model promoted", "model rolled back", "promotion seen"]
PROMOTED: Act = "model promoted"
ROLLED_BACK: Act = "model rolled back"
SEEN: Act = "promotion seen"
_SUBJECT = "model version "
_MOST_REASON = 4_000  # characters
_LOG: LiteralString = "log_champion(%s, %s, %s, %s, %s)"


@dataclass(frozen=True)
class Change:
    """Why the champion is changed: `reason` for people, and the request that asked for it."""

    act: Act = PROMOTED
    reason: str = ""
    request_id: str | None = None


@dataclass(frozen=True)
class Tenure:
    """The time in which one model was champion, UTC; `until` is None for the present champion.

    `act` is how it became so. `by` and `reason` are those of the change; of a champion that was only seen, `by` is the
    instance that saw it first, and `reason` is empty.
    """

    model: Identity
    since: datetime
    until: datetime | None
    act: Act
    by: str
    reason: str


def may_log(connection: Connection) -> bool:
    """Whether `log_change` can be called: with the migration, and with the right. Raises psycopg.Error."""
    row = connection.execute(
        "SELECT coalesce(has_function_privilege(to_regprocedure(%s), 'EXECUTE'), false)",
        ["log_champion(text, text, text, text, text)"],
    ).fetchone()
    return bool(row and row[0])


def log_change(connection: Connection, actor: str, model: Identity, before: Identity | None, change: Change) -> Head:
    """Log that `actor` has made `model` champion in the place of `before`. Raises psycopg.Error."""
    details = json.dumps(details_of(model, before) | {"reason": change.reason[:_MOST_REASON]}, sort_keys=True)
    row = connection.execute(
        f"SELECT seq, sha256 FROM {_LOG}", [change.act, actor, subject_of(model), details, change.request_id]
    ).fetchone()
    if row is None:
        raise RuntimeError(f"the audit log took no entry for {model}")
    return Head(row[0], bytes(row[1]))


def subject_of(model: Identity) -> str:
    """The subject of an entry about `model`."""
    return f"{_SUBJECT}{model.version}"


def details_of(model: Identity, before: Identity | None) -> dict[str, str | None]:
    """The details of an entry about `model`, champion after `before`."""
    return {
        "run_id": model.run_id,
        "sha256": model.sha256,
        "before": None if before is None else before.version,
        "run_id_before": None if before is None else before.run_id,
    }


def tenures(connection: Connection) -> list[Tenure]:
    """All champions in the order of time. Raises psycopg.Error."""
    rows = connection.execute(
        "SELECT act, actor, subject, details::text, at FROM audit_log "
        "WHERE act IN ('model promoted', 'model rolled back', 'promotion seen') ORDER BY seq"
    ).fetchall()
    # An instance may log late what it saw early: the moment at which the registry named the model counts.
    entries = sorted((_entry(*row) for row in rows), key=lambda one: one.since)
    found: list[Tenure] = []
    for entry in entries:
        last = found[-1] if found else None
        if last is None or last.model.run_id != entry.model.run_id:
            found.append(entry)
        elif last.act == SEEN and entry.act != SEEN:
            # It was seen in the moment between the move and the entry of whoever moved it.
            found[-1] = replace(entry, since=last.since)
    ended = [replace(one, until=after.since) for one, after in pairwise(found)]
    return [*ended, *found[-1:]]


def former(history: Sequence[Tenure], champion: Identity | None) -> list[Identity]:
    """The champions to go back to from `champion`, the nearest first.

    Going back takes a model out, so that going back twice does not return to the model that was left first. Without a
    champion, or with one that is not recorded, the last one recorded is the nearest.
    """
    stack: list[Identity] = []
    for tenure in history:
        runs = [one.run_id for one in stack]
        if tenure.model.run_id in runs:
            del stack[runs.index(tenure.model.run_id) + 1 :]
        else:
            stack.append(tenure.model)
    runs = [one.run_id for one in stack]
    if champion is not None and champion.run_id in runs:
        stack = stack[: runs.index(champion.run_id)]
    return stack[::-1]


def _entry(act: Act, actor: str, subject: str, details: str, at: datetime) -> Tenure:
    known = json.loads(details)
    named_at = known.get("named_at")
    since = at if named_at is None else datetime.fromisoformat(named_at)
    model = Identity(subject.removeprefix(_SUBJECT), str(known["run_id"]), known.get("sha256"))
    return Tenure(model, since.astimezone(UTC), None, act, actor, str(known.get("reason", "")))
