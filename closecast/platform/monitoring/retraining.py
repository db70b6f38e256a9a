"""Trainings that a harmful verdict asks for: at most one at a time, whoever asks and however often.

PostgreSQL decides, and Prefect runs: a row of `retrainings` is the right to train. Prefect's schedules alone could run
twice, since they are made anew by a redeployment.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from psycopg.types.json import Json

from closecast.platform.journal.store import Connection
from closecast.platform.prefect_http import PrefectAuth
from closecast.platform.runtime.retry import AwayError

DEPLOYMENT = "retrain/closecast"
COOL_DOWN = timedelta(days=14)  # after a training was asked for, no other is
BUDGET, BUDGET_TIME = 4, timedelta(days=90)
SHADOW_TIME = timedelta(days=90)  # that a challenger has to be proved better or worse before another is trained
ATTEMPTS = 3
DELAYS = (timedelta(hours=1), timedelta(hours=6))  # before the second and the third attempt
_LOCK = 0x72747261  # any number that no other user of this database locks
_UNDER_WAY = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"]


class PrefectAwayError(AwayError):
    """Prefect's server is out of reach or refuses."""


@dataclass(frozen=True)
class Answer:
    """What became of a request: the number of the open retraining, None where there is none, and why."""

    number: int | None
    is_new: bool
    reason: str


def request(
    connection: Connection, model_run_id: str, reason: str, at: datetime, in_shadow: str | None = None
) -> Answer:
    """Ask for a training because the model of `model_run_id` is harmful; `at` is the time, with a zone.

    An open one stands for this one too. Another is not begun within COOL_DOWN of the last, nor beyond BUDGET within
    BUDGET_TIME, nor within SHADOW_TIME while what the last one made is `in_shadow`, a version: a successor would begin the
    comparison anew, and it takes longer than COOL_DOWN. Raises psycopg.Error.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        found = connection.execute(
            "SELECT number, state, requested_at, result->>'version' FROM retrainings WHERE requested_at > %s "
            "ORDER BY number DESC",
            [at - BUDGET_TIME],
        ).fetchall()
        opened = connection.execute("SELECT number FROM retrainings WHERE state = 'open'").fetchone()
        if opened is not None:
            return Answer(opened[0], False, f"retraining {opened[0]} is under way")
        if found and found[0][2] > at - COOL_DOWN:
            until = found[0][2] + COOL_DOWN
            return Answer(
                None, False, f"retraining {found[0][0]} was {found[0][1]}; the next may begin on {until:%Y-%m-%d}"
            )
        if found and in_shadow is not None and found[0][3] == in_shadow and found[0][2] > at - SHADOW_TIME:
            return Answer(
                None, False, f"version {in_shadow} of retraining {found[0][0]} is in shadow, and outcomes decide on it"
            )
        if len(found) >= BUDGET:
            until = found[BUDGET - 1][2] + BUDGET_TIME
            return Answer(
                None,
                False,
                f"{len(found)} retrainings within {BUDGET_TIME.days} days are the most; the next may begin on {until:%Y-%m-%d}",
            )
        made = connection.execute(
            "INSERT INTO retrainings (model_run_id, reason, requested_at) VALUES (%s, %s, %s) RETURNING number",
            [model_run_id, reason, at],
        ).fetchone()
        assert made is not None
        return Answer(made[0], True, reason)


def begin(connection: Connection, number: int) -> int | None:
    """Begin an attempt of retraining `number`; returns which one it is, None when the retraining is over."""
    found = connection.execute(
        "UPDATE retrainings SET attempts = attempts + 1 WHERE number = %s AND state = 'open' RETURNING attempts",
        [number],
    ).fetchone()
    return None if found is None else int(found[0])


def end(connection: Connection, number: int, at: datetime, result: dict[str, Any], failed: bool = False) -> None:
    """Close retraining `number` with `result`, plain data. Closing it again changes nothing."""
    connection.execute(
        "UPDATE retrainings SET state = %s, ended_at = %s, result = %s WHERE number = %s AND state = 'open'",
        ["failed" if failed else "done", at, Json(result), number],
    )


class Trainings:
    """The flow runs of retrainings in Prefect. Every method raises PrefectAwayError."""

    def __init__(self, api: str, auth_string: str | None) -> None:
        """`auth_string` is Prefect's PREFECT_API_AUTH_STRING; None for a server without a login."""
        auth = PrefectAuth(auth_string) if auth_string else None
        self._http = httpx.Client(base_url=api, timeout=30, auth=auth)

    def under_way(self, number: int) -> list[str]:
        """The ids of the runs of retraining `number` that have not ended."""
        body = {"flow_runs": {"tags": {"all_": [_tag(number)]}, "state": {"type": {"any_": _UNDER_WAY}}}}
        return [str(run["id"]) for run in self._call("POST", "/flow_runs/filter", body)]

    def start(self, number: int, attempt: int, at: datetime) -> str:
        """Have an attempt run at the time `at`, once however often this is called; returns the flow run's id."""
        deployment = self._call("GET", f"/deployments/name/{DEPLOYMENT}")
        body = {
            "name": f"retraining-{number} (attempt {attempt})",
            "parameters": {"number": number},
            "idempotency_key": f"retraining-{number}-{attempt}",
            "tags": [*deployment["tags"], _tag(number)],
            "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": at.isoformat()}},
        }
        return str(self._call("POST", f"/deployments/{deployment['id']}/create_flow_run", body)["id"])

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            return self._http.request(method, path, json=body).raise_for_status().json()
        except httpx.HTTPStatusError as error:
            raise PrefectAwayError(
                f"Prefect refused {method} {path}: {error.response.status_code}: {error.response.text[:300]}"
            ) from error
        except httpx.HTTPError as error:
            raise PrefectAwayError(f"Prefect does not answer: {error!r}") from error


@dataclass(frozen=True)
class Followed:
    """What is the case with the open retraining."""

    number: int
    sentence: str
    failed: bool = False


def follow(connection: Connection, trainings: Trainings, at: datetime) -> Followed | None:
    """See to it that the open retraining has a run; returns what is the case, None without an open one.

    One that has used up its attempts without an end is closed as failed.
    """
    found = connection.execute("SELECT number, attempts FROM retrainings WHERE state = 'open'").fetchone()
    if found is None:
        return None
    number, attempts = found
    if trainings.under_way(number):
        return Followed(number, f"retraining {number} is under way")
    if attempts >= ATTEMPTS:
        end(connection, number, at, {"error": f"none of its {attempts} attempts came to an end"}, failed=True)
        sentence = f"retraining {number} failed: none of its {attempts} attempts came to an end"
        return Followed(number, sentence, failed=True)
    trainings.start(number, attempts + 1, at)
    return Followed(number, f"retraining {number} was started, attempt {attempts + 1}")


def _tag(number: int) -> str:
    return f"retraining-{number}"
