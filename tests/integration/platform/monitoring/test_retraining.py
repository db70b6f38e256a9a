"""A harmful verdict has a training started exactly once, on a real PostgreSQL and a real Prefect server."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from closecast.platform.database import connect
from closecast.platform.journal.store import Connection
from closecast.platform.monitoring import retraining
from closecast.platform.monitoring.retraining import Answer, Followed, PrefectAwayError, Trainings
from flows import deployments
from tests.servers.processes import free_port
from tests.waiting import until

pytestmark = pytest.mark.integration

_NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
_DAY = timedelta(days=1)


@pytest.fixture
def connection(database_url: str, monitoring_url: str) -> Iterator[Connection]:
    with connect(database_url) as owner:
        owner.execute("TRUNCATE retrainings")
    with connect(monitoring_url) as connection:
        yield connection


def _deploy(api: str) -> None:
    with temporary_settings({PREFECT_API_URL: api}):
        asyncio.run(deployments.deploy())


@pytest.fixture
def trainings(prefect_api: str) -> Trainings:
    _deploy(prefect_api)
    return Trainings(prefect_api, None)


def _runs(api: str, number: int | None) -> list[dict[str, Any]]:
    body = {"flow_runs": {"tags": {"all_": [f"retraining-{number}"]}}}
    found: list[dict[str, Any]] = httpx.post(f"{api}/flow_runs/filter", json=body, timeout=30).json()
    return found


def _together(call: Any, count: int) -> list[Any]:
    """What `call` returns to each of `count` threads that begin it at once. Raises what it raises in any of them."""
    barrier = threading.Barrier(count)

    def wait_and_call(_: int) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(wait_and_call, range(count)))


def test_a_hundred_alerts_and_two_schedulers_make_one_run(
    connection: Connection, monitoring_url: str, prefect_api: str
) -> None:
    _deploy(prefect_api)

    def asked() -> Answer:
        with connect(monitoring_url) as own:
            return retraining.request(own, "run-1", "harm", _NOW)

    def followed() -> None:
        def is_answered() -> bool:
            try:
                retraining.follow(own, Trainings(prefect_api, None), datetime.now(UTC))
            except PrefectAwayError:  # too busy to answer: the flow `monitor` is tried again then
                return False
            return True

        with connect(monitoring_url) as own:
            until(is_answered, pause=0.2)

    # when a hundred ask at once
    answers = _together(asked, 50) + _together(asked, 50)
    # then it is one
    assert sum(one.is_new for one in answers) == 1
    assert len({one.number for one in answers}) == 1
    # when two schedulers see to it at once, all is deployed again, and they see to it once more
    _together(followed, 2)
    _deploy(prefect_api)
    _together(followed, 2)
    # then it is one run
    (run,) = _runs(prefect_api, answers[0].number)
    assert run["parameters"] == {"number": answers[0].number}
    assert connection.execute("SELECT count(*) FROM retrainings").fetchone() == (1,)


def test_after_one_there_is_a_pause_and_a_budget(connection: Connection) -> None:
    # given one that ended at once
    begin = _NOW
    first = retraining.request(connection, "run-1", "harm", begin)
    assert first.number is not None
    retraining.end(connection, first.number, begin, {"promoted": False})
    # when / then
    soon = retraining.request(connection, "run-1", "harm", begin + 13 * _DAY)
    assert (soon.number, soon.is_new) == (None, False)
    assert soon.reason == f"retraining {first.number} was done; the next may begin on 2027-03-15"
    # and three more use up the budget
    for at in (15, 30, 45):
        again = retraining.request(connection, "run-1", "harm", begin + at * _DAY)
        assert again.is_new, again
        assert again.number is not None
        retraining.end(connection, again.number, begin + at * _DAY, {}, failed=True)
    spent = retraining.request(connection, "run-1", "harm", begin + 60 * _DAY)
    assert spent.reason == "4 retrainings within 90 days are the most; the next may begin on 2027-05-30"
    assert retraining.request(connection, "run-1", "harm", begin + 91 * _DAY).is_new


def test_one_whose_monitor_died_before_the_run_was_made_is_started_by_the_next(
    connection: Connection, prefect_api: str, trainings: Trainings
) -> None:
    # given a request without a run
    number = retraining.request(connection, "run-1", "harm", _NOW).number
    assert number is not None
    assert _runs(prefect_api, number) == []
    # when
    said = retraining.follow(connection, trainings, datetime.now(UTC))
    # then
    assert said == Followed(number, f"retraining {number} was started, attempt 1")
    assert len(_runs(prefect_api, number)) == 1
    again = retraining.follow(connection, trainings, datetime.now(UTC))
    assert again == Followed(number, f"retraining {number} is under way")


def test_one_whose_runs_all_vanished_has_failed(connection: Connection, trainings: Trainings) -> None:
    # given attempts whose runs somebody deleted
    number = retraining.request(connection, "run-1", "harm", _NOW).number
    assert number is not None
    for attempt in (1, 2, 3):
        assert retraining.begin(connection, number) == attempt
    # when
    said = retraining.follow(connection, trainings, _NOW)
    # then
    assert said == Followed(number, f"retraining {number} failed: none of its 3 attempts came to an end", failed=True)
    assert retraining.follow(connection, trainings, _NOW) is None
    # and a run that is late begins nothing
    assert retraining.begin(connection, number) is None


def test_prefect_away_is_told_and_nothing_is_lost(connection: Connection) -> None:
    number = retraining.request(connection, "run-1", "harm", _NOW).number
    away = Trainings(f"http://127.0.0.1:{free_port()}/api", "user:secret-word")
    with pytest.raises(retraining.PrefectAwayError, match="Prefect does not answer") as caught:
        retraining.follow(connection, away, _NOW)
    assert "secret-word" not in str(caught.value)
    assert connection.execute("SELECT number, state FROM retrainings").fetchall() == [(number, "open")]


def test_no_other_is_begun_while_outcomes_decide_on_what_the_last_one_made(connection: Connection) -> None:
    # given a retraining whose version is in shadow
    first = retraining.request(connection, "run-1", "harm", _NOW)
    assert first.number is not None
    retraining.end(connection, first.number, _NOW, {"version": "2", "promoted": False, "in_shadow": True})
    later = _NOW + retraining.COOL_DOWN + _DAY
    # when / then
    waits = retraining.request(connection, "run-1", "harm", later, in_shadow="2")
    assert (waits.number, waits.reason) == (
        None,
        f"version 2 of retraining {first.number} is in shadow, and outcomes decide on it",
    )
    too_long = _NOW + retraining.SHADOW_TIME + _DAY
    assert retraining.request(connection, "run-1", "harm", too_long, in_shadow="2").is_new


def test_another_is_begun_once_the_shadow_is_left(connection: Connection) -> None:
    # given
    first = retraining.request(connection, "run-1", "harm", _NOW)
    assert first.number is not None
    retraining.end(connection, first.number, _NOW, {"version": "2", "promoted": False, "in_shadow": True})
    # when / then
    later = _NOW + retraining.COOL_DOWN + _DAY
    assert retraining.request(connection, "run-1", "harm", later, in_shadow=None).is_new
