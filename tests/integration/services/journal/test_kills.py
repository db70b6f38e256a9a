"""Under a steady load each part is killed with kill -9, several times: no prediction is lost, none is there twice."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from closecast.platform.journal.entry import Entry
from closecast.platform.journal.shipper import Shipper
from tests.integration.services.journal.conftest import Lane
from tests.journal_entries import batch, keys, single

pytestmark = [pytest.mark.integration, pytest.mark.slow]
_ROUNDS = 3
_A_SECOND = 300


@contextmanager
def _load(shipper: Shipper) -> Iterator[list[Entry]]:
    """_A_SECOND single deals a second and now and then a batch, until the block ends; what was accepted."""
    accepted: list[Entry] = []
    failures: list[BaseException] = []
    stop = threading.Event()

    def work() -> None:
        begin = time.monotonic()
        try:
            while not stop.is_set():
                due = int((time.monotonic() - begin) * _A_SECOND)
                while len(accepted) < due:
                    entry = batch(300, len(accepted)) if len(accepted) % 500 == 499 else single(len(accepted))
                    shipper.append(entry)
                    accepted.append(entry)
                time.sleep(0.005)  # noqa: TID251 - the pace of the load
        except Exception as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield accepted
    finally:
        stop.set()
        thread.join()
    assert not failures
    assert len(accepted) > _A_SECOND


@pytest.mark.parametrize("victim", ["cache", "database", "journal"])
def test_no_prediction_is_lost_or_counted_twice_when_a_part_is_killed(lane: Lane, victim: str) -> None:
    # given
    shipper = lane.shipper()
    server = getattr(lane, victim)
    # when
    with _load(shipper) as accepted:
        for _ in range(_ROUNDS):
            time.sleep(1.0)  # noqa: TID251 - the load goes on meanwhile
            server.kill()
            time.sleep(1.0)  # noqa: TID251 - the load goes on meanwhile
            server.start()
        time.sleep(1.0)  # noqa: TID251 - the load goes on meanwhile
    expected = keys(accepted)
    lane.until(lambda: not shipper.status().spool_bytes and not shipper.status().unconfirmed)
    assert shipper.close() == 0
    lane.until(lambda: len(lane.rows()) >= len(expected))
    lane.until(lambda: lane.health()["stream_messages"] == 0)
    # then
    assert lane.rows() == expected
    assert lane.health()["dead_messages"] == 0


def test_all_three_at_once_and_the_api_process_restarted(lane: Lane) -> None:
    # given
    shipper = lane.shipper()
    with _load(shipper) as accepted:
        time.sleep(1.0)  # noqa: TID251 - the load goes on meanwhile
        # when
        for server in (lane.database, lane.cache, lane.journal):
            server.kill()
        time.sleep(1.0)  # noqa: TID251 - the load goes on meanwhile
    assert shipper.close() == 0
    expected = keys(accepted)
    for server in (lane.journal, lane.cache, lane.database):
        server.start()
    successor = lane.shipper()
    lane.until(lambda: not successor.status().spool_bytes)
    successor.close()
    lane.until(lambda: len(lane.rows()) >= len(expected))
    # then
    assert lane.rows() == expected
