"""The API's end of the journal on a real Valkey: nothing accepted is lost, whatever becomes of the cache."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from closecast.platform.journal.entry import Entry
from closecast.platform.journal.inbox import JournalFullError
from closecast.platform.journal.shipper import Shipper, ShipperStatus
from closecast.platform.journal.spool import SEGMENT_BYTES, Spool
from closecast.platform.journal.stream import FIELD, STREAM, encode, packed, unpack
from tests.journal_entries import batch, keys, single
from tests.killable import Cache
from tests.waiting import until

pytestmark = pytest.mark.integration
LIMIT = 2_000_000


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    cache = Cache(tmp_path / "cache")
    cache.start()
    yield cache
    cache.stop()


@pytest.fixture
def shipper(cache: Cache, tmp_path: Path) -> Iterator[Shipper]:
    shipper = Shipper(lambda: cache.url, Spool(tmp_path / "spool", LIMIT))
    shipper.start()
    yield shipper
    shipper.close()


def _until(shipper: Shipper, holds: Callable[[ShipperStatus], bool]) -> ShipperStatus:
    status = shipper.status()

    def is_so() -> bool:
        nonlocal status
        status = shipper.status()
        return holds(status)

    until(is_so, told=lambda: status)
    return status


def _idle(status: ShipperStatus) -> bool:
    return not (status.waiting or status.unconfirmed or status.spool_bytes)


def _in_stream(cache: Cache) -> list[Entry]:
    with cache.client() as client:
        return [entry for _, fields in client.xrange(STREAM) for entry in unpack(fields[FIELD])]


def test_entries_are_in_the_stream_and_forgotten_once_they_are_on_its_disk(shipper: Shipper, cache: Cache) -> None:
    # given
    entries = [single(number) for number in range(50)] + [batch(1_000)]
    # when
    for entry in entries:
        shipper.append(entry)
    status = _until(shipper, lambda status: _idle(status) and status.shipped == 1_050)
    # then
    assert (status.problem, status.lag_seconds, status.spooled) == (None, 0.0, 0)
    cache.kill()
    cache.start()
    assert keys(_in_stream(cache)) == keys(entries)


class Draft:
    """One that becomes an entry, or fails to."""

    def __init__(self, made: Entry | None) -> None:
        self.made = made

    def __len__(self) -> int:
        return 1

    def entry(self) -> Entry:
        if self.made is None:
            raise TypeError("nothing can be made of this")
        return self.made


def test_a_draft_that_fails_is_told_and_keeps_no_other_from_the_stream(shipper: Shipper, cache: Cache) -> None:
    # given
    entries = [single(number) for number in range(6)]
    # when
    for draft in (Draft(entries[0]), Draft(None), *map(Draft, entries[1:5])):
        shipper.append(draft)
    shipper.append(entries[5])
    status = _until(shipper, lambda status: _idle(status) and status.shipped == 6)
    # then
    assert status.unwritable == 1
    assert status.problem == "1 predictions could not be written: TypeError: nothing can be made of this"
    assert (status.waiting, status.waiting_bytes) == (0, 0)
    assert sorted(keys(_in_stream(cache))) == sorted(keys(entries))


def test_what_a_cache_acknowledged_and_then_forgot_is_sent_again(
    shipper: Shipper, cache: Cache, tmp_path: Path
) -> None:
    # given: a cache whose disk is behind, as a loss of power finds it
    early, late = [single(number) for number in range(10)], [single(number) for number in range(10, 60)]
    for entry in early:
        shipper.append(entry)
    _until(shipper, _idle)
    log = cache.folder / "state" / "appendonlydir"
    shutil.copytree(log, tmp_path / "on disk")
    with cache.client() as client:
        client.config_set("appendfsync", "no")
    # when
    for entry in late:
        shipper.append(entry)
    until(lambda: len(_in_stream(cache)) == 60)
    # then: taken, and not counted as kept
    assert (shipper.status().unconfirmed > 0, shipper.status().shipped) == (True, 10)
    # when
    cache.kill()
    shutil.rmtree(log)
    shutil.copytree(tmp_path / "on disk", log)
    cache.start()
    _until(shipper, lambda status: _idle(status) and status.shipped == 60)
    # then
    assert keys(_in_stream(cache)) == keys([*early, *late])


def test_a_cache_that_is_away_costs_nothing_but_time(shipper: Shipper, cache: Cache) -> None:
    # given
    entries = [single(number) for number in range(100)]
    shipper.append(entries[0])
    _until(shipper, _idle)
    cache.kill()
    # when
    for entry in entries[1:]:
        shipper.append(entry)
    status = _until(shipper, lambda status: status.spooled >= 99 and not status.unconfirmed)
    # then
    assert "cache" in (status.problem or "")
    assert status.lag_seconds > 0
    cache.start()
    shipper.append(entries[0])
    _until(shipper, _idle)
    assert set(keys(entries)) == set(keys(_in_stream(cache)))


def test_a_full_spool_pushes_back_and_accepts_again_when_the_cache_is_back(cache: Cache, tmp_path: Path) -> None:
    # given
    cache.kill()
    shipper = Shipper(lambda: cache.url, Spool(tmp_path / "spool", 200_000), max_waiting_bytes=100_000)
    shipper.start()
    accepted: list[Entry] = []
    # when
    with pytest.raises(JournalFullError, match=r"the spool is full: .* of 200000 bytes; the cache cannot be reached"):
        for number in range(200_000):
            entry = single(number % 50)
            shipper.append(entry)
            accepted.append(entry)
            if number % 20 == 19:
                _until(shipper, lambda status: status.waiting_bytes < 50_000 or "full" in (status.problem or ""))
    # then: it is bounded, and says so
    status = shipper.status()
    assert status.spool_bytes <= status.spool_limit == 200_000
    assert status.waiting_bytes < 110_000
    assert status.refused == 1
    assert "full" in (status.problem or "")
    # when
    cache.start()
    _until(shipper, _idle)
    shipper.append(late := single())
    _until(shipper, _idle)
    shipper.close()
    # then
    assert set(keys([*accepted, late])) == set(keys(_in_stream(cache)))


def test_a_cache_without_room_is_left_what_it_has(shipper: Shipper, cache: Cache) -> None:
    # given
    with cache.client() as client:
        used = client.info("memory")["used_memory"]
        # Far more than a message, which has up to 260 kB if the thread was held up.
        client.config_set("maxmemory", int((used + 3_000_000) / 0.75))
        # when
        for number in range(2_400):
            shipper.append(single(number))
            if number % 100 == 99:
                time.sleep(0.05)  # noqa: TID251 - the pace of a service, so that it is shipped in parts
        status = _until(shipper, lambda status: status.spooled > 0 and not status.waiting + status.unconfirmed)
        # then
        assert "the cache is full" in (status.problem or "")
        assert client.set("of somebody else", "x" * 1000)
        # when: the journal catches up
        client.config_set("maxmemory", "64mb")
        assert _until(shipper, _idle).problem is None
        # then: it never had to be told that the cache is full, and each entry is there
        assert "errorstat_OOM" not in client.info("errorstats")
    assert len(set(keys(_in_stream(cache)))) == 2_400


def test_a_spool_for_which_the_cache_has_too_little_room_waits_until_there_is_more(
    cache: Cache, tmp_path: Path
) -> None:
    # given: a spool, and room for less than a segment of it
    entries = [single(number) for number in range(100)]
    spool = Spool(tmp_path / "spool", LIMIT)
    spool.write(list(packed([encode(entry) for entry in entries])))
    spool.close()
    with cache.client() as client:
        used = client.info("memory")["used_memory"]
        client.config_set("maxmemory", int((used + SEGMENT_BYTES / 2) / 0.75))
        shipper = Shipper(lambda: cache.url, Spool(tmp_path / "spool", LIMIT))
        shipper.start()
        # when
        status = _until(shipper, lambda status: status.problem != "the cache has not been asked yet")
        # then
        assert "the cache is full" in (status.problem or "")
        # when
        client.config_set("maxmemory", "64mb")
        # then
        assert _until(shipper, _idle).problem is None
    shipper.close()
    assert set(keys(_in_stream(cache))) == set(keys(entries))


def test_what_a_killed_process_had_spooled_is_shipped_by_the_next_one(cache: Cache, tmp_path: Path) -> None:
    # given
    cache.kill()
    script = """
import os, sys, time
from pathlib import Path
from closecast.platform.journal.shipper import Shipper
from closecast.platform.journal.spool import Spool
from tests.journal_entries import single
shipper = Shipper(lambda: sys.argv[1], Spool(Path(sys.argv[2]), 10**6))
shipper.start()
for number in range(300):
    entry = single(number)
    shipper.append(entry)
    print(entry.id)
while shipper.status().spooled < 300:
    time.sleep(0.01)
sys.stdout.flush()
os.kill(os.getpid(), 9)
"""
    command = [sys.executable, "-c", script, cache.url, str(tmp_path / "spool")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )
    assert done.returncode == -9, done.stderr
    # when
    cache.start()
    shipper = Shipper(lambda: cache.url, Spool(tmp_path / "spool", LIMIT))
    shipper.start()
    _until(shipper, lambda status: _idle(status) and status.shipped == 300)
    shipper.close()
    # then
    assert sorted(str(entry.id) for entry in _in_stream(cache)) == sorted(done.stdout.split())


def test_closing_ships_what_is_there_and_accepts_nothing_more(shipper: Shipper, cache: Cache) -> None:
    # given
    entries = [single(number) for number in range(500)]
    for entry in entries:
        shipper.append(entry)
    # when
    left = shipper.close()
    # then
    assert left == 0
    assert set(keys(_in_stream(cache))) == set(keys(entries))
    with pytest.raises(JournalFullError, match="the service is stopping"):
        shipper.append(entries[0])


def test_closing_without_a_cache_spools_what_is_there(cache: Cache, tmp_path: Path) -> None:
    # given
    cache.kill()
    shipper = Shipper(lambda: cache.url, Spool(tmp_path / "spool", LIMIT))
    shipper.start()
    entries = [single(number) for number in range(500)]
    for entry in entries:
        shipper.append(entry)
    # when
    assert shipper.close() == 0
    # then
    spool = Spool(tmp_path / "spool", LIMIT)
    kept = [entry for segment in spool.segments() for message in spool.read(segment) for entry in unpack(message)]
    spool.close()
    assert keys(kept) == keys(entries)


def test_a_cache_never_found_is_told_and_its_entries_wait_on_disk(tmp_path: Path) -> None:
    shipper = Shipper(lambda: None, Spool(tmp_path / "spool", LIMIT))
    shipper.start()
    shipper.append(single())
    status = _until(shipper, lambda status: status.spooled == 1)
    assert status.problem == "the cache has not been found yet"
    shipper.close()
