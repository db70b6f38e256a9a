"""What the watch over Prefect's background services sees, by a clock of the test."""

import asyncio
import logging

import pytest

from services.prefect.watch import Watch


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ended() -> list[str]:
    return []


@pytest.fixture
def watch(clock: Clock, ended: list[str]) -> Watch:
    return Watch(ended.append, clock)


class Scheduler:
    """Fails while it is told to."""

    def __init__(self) -> None:
        self.fails = False

    async def schedule(self) -> None:
        if self.fails:
            raise RuntimeError("no such table\nSELECT secrets FROM everywhere")


def _run(watched: object) -> None:
    try:
        asyncio.run(watched())  # type: ignore[operator]
    except RuntimeError:
        return


def test_one_failure_is_none_and_two_in_a_row_are_told(watch: Watch) -> None:
    # given
    scheduler = Scheduler()
    run = watch.repeated(scheduler.schedule, 60)
    scheduler.fails = True
    # when / then
    _run(run)
    assert watch.problems() == []
    _run(run)
    assert watch.problems() == ["schedule failed the last 2 times: RuntimeError: no such table"]
    scheduler.fails = False
    _run(run)
    assert watch.problems() == []


def test_the_failure_reaches_prefect_too(watch: Watch) -> None:
    scheduler = Scheduler()
    scheduler.fails = True
    with pytest.raises(RuntimeError):
        asyncio.run(watch.repeated(scheduler.schedule, 60)())  # type: ignore[arg-type]


def test_a_service_that_does_not_run_is_told(watch: Watch, clock: Clock) -> None:
    # given
    run = watch.repeated(Scheduler().schedule, 60)
    # when / then
    clock.now = 179
    assert watch.problems() == []
    clock.now = 200
    assert watch.problems() == ["schedule is due every 60 s and has not run for 200 s"]
    assert watch.as_dict()["state"] == "failing"
    _run(run)
    assert watch.as_dict()["state"] == "running"


@pytest.mark.parametrize("fails", [True, False])
def test_the_end_of_what_should_never_end_is_told_at_once(watch: Watch, ended: list[str], fails: bool) -> None:
    # given
    scheduler = Scheduler()
    scheduler.fails = fails
    # when
    _run(watch.endless("Persister", scheduler.schedule))
    # then
    assert ended == watch.problems()
    assert ended[0].startswith("Persister has ended: ")


def test_the_end_that_was_asked_for_is_none(watch: Watch, ended: list[str]) -> None:
    # given
    _run(watch.stopped(Scheduler().schedule))
    # when
    _run(watch.endless("Persister", Scheduler().schedule))
    # then
    assert ended == watch.problems() == []


def test_errors_in_the_log_are_told_when_they_come_one_after_the_other(watch: Watch, clock: Clock) -> None:
    # given
    handler = watch.handler()
    record = logging.LogRecord("prefect.persister", logging.ERROR, "", 0, "cannot write %s", ("events",), None)
    # when / then
    for clock.now in (0, 100, 200):
        handler.handle(record)
    assert watch.problems() == []
    clock.now = 210
    handler.handle(record)
    assert watch.problems() == ["3 errors within 120 s, the last of persister: cannot write events"]
    clock.now = 330
    assert watch.problems() == []
