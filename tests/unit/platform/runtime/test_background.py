"""A worker's rounds: at once, after pauses, when woken; what fails is reported once and tried again."""

import threading
import time

from closecast.platform.runtime.background import BackgroundWorker
from tests.waiting import until

HOUR = 3600.0


def test_a_round_begins_at_once_and_whenever_it_is_woken() -> None:
    # given
    rounds: list[float] = []

    def work() -> float:
        rounds.append(time.monotonic())
        return HOUR

    worker = BackgroundWorker("test", work, print, retry_seconds=HOUR)
    worker.start()
    until(lambda: len(rounds) == 1)
    # when
    worker.wake()
    # then
    until(lambda: len(rounds) == 2)
    assert worker.stop()


def test_a_call_during_a_round_is_not_lost() -> None:
    # given a round under way
    begun, go_on, rounds = threading.Event(), threading.Event(), [0]

    def work() -> float:
        rounds[0] += 1
        begun.set()
        go_on.wait(10)
        return HOUR

    worker = BackgroundWorker("test", work, print, retry_seconds=HOUR)
    worker.start()
    assert begun.wait(10)
    # when
    worker.wake()
    go_on.set()
    # then
    until(lambda: rounds[0] == 2)
    worker.stop()


def test_what_fails_is_tried_again_and_reported_once_until_it_was_well() -> None:
    # given work that fails three times, is well, and fails again
    reported: list[str] = []
    rounds = [0]

    def work() -> float:
        rounds[0] += 1
        if rounds[0] == 4:
            assert worker.settle()
            assert not worker.settle()
            return 0.0
        raise ValueError("away" if rounds[0] < 6 else "broken")

    worker = BackgroundWorker("test", work, reported.append, retry_seconds=0.001)
    worker.start()
    # then
    until(lambda: rounds[0] > 8)
    worker.stop()
    assert reported == ["ValueError: away", "ValueError: away", "ValueError: broken"]
    assert worker.problem == "ValueError: broken"


def test_the_last_word_is_said_on_its_thread_after_the_round_under_way() -> None:
    # given
    happened: list[str] = []
    begun = threading.Event()

    def work() -> float:
        begun.set()
        worker.wait(HOUR)  # which a stop cuts short
        happened.append("round")
        return 0.0

    def finish() -> None:
        happened.append(threading.current_thread().name)

    worker = BackgroundWorker("its own", work, print, retry_seconds=HOUR, finish=finish)
    worker.start()
    assert begun.wait(10)
    # when
    assert not worker.is_stopping
    assert worker.stop(seconds=10)
    # then
    assert happened == ["round", "its own"]


def test_one_that_was_never_started_is_stopped_at_once() -> None:
    assert BackgroundWorker("test", lambda: HOUR, print, retry_seconds=HOUR).stop()
