"""The journal process on real servers: what it stores, sets aside, takes over, archives and says of itself."""

import time

import httpx
import pyarrow.parquet as pq
import pytest

from closecast.platform.journal.archive import PREFIX
from closecast.platform.journal.stream import DEAD, FIELD, GROUP, STREAM, make_group
from closecast.platform.lake.store import Lake
from closecast.platform.settings import LakeSettings
from tests.integration.services.journal.conftest import Lane
from tests.journal_entries import keys, message, single
from tests.servers.localstack import S3

pytestmark = pytest.mark.integration


def test_a_message_that_cannot_be_stored_is_set_aside_with_the_reason_and_holds_up_none(lane: Lane) -> None:
    # given
    good = [single(number) for number in range(3)]
    unfit = single(9, probability=[1.5])
    with lane.cache.client() as client:
        # when
        client.xadd(STREAM, {FIELD: message(good[0])})
        client.xadd(STREAM, {FIELD: b"no message"})
        client.xadd(STREAM, {"another": "field"})
        client.xadd(STREAM, {FIELD: message(unfit, good[1])})
        client.xadd(STREAM, {FIELD: message(good[2])})
        lane.until(lambda: client.xlen(STREAM) == 0)
        # then
        assert lane.rows() == keys([good[0], good[2]])
        dead = [fields for _, fields in client.xrange(DEAD)]
        reasons = [fields[b"reason"].decode() for fields in dead]
        assert len(dead) == 3
        assert "checksum" in reasons[0] or "too few" in reasons[0] or "begins with" in reasons[0]
        assert any("CheckViolation" in reason for reason in reasons)
        assert {fields.get(FIELD) for fields in dead} == {b"no message", None, message(unfit, good[1])}
        lane.until(lambda: lane.health()["dead_messages"] == 3)
    assert "closecast_journal_refused_total 3.0" in lane.metrics()
    assert "is set aside" in lane.journal.log


def test_what_was_set_aside_and_can_be_stored_now_is_stored_by_the_next_one(lane: Lane) -> None:
    # given: what a journal that knew less has set aside, a message that nobody can read, and one that is still unfit
    readable, unfit = [single(number) for number in range(120)], single(121, probability=[1.5])
    lane.journal.stop()
    with lane.cache.client() as client:
        client.xadd(DEAD, {FIELD: b"no message", "reason": "unreadable"})
        for entry in (*readable, unfit):
            client.xadd(DEAD, {FIELD: message(entry), "reason": "the message begins with b'CJ\\x09'"})
        # when
        lane.journal.start()
        lane.until(lambda: len(lane.rows()) == 120 and client.xlen(STREAM) == 0)
        # then
        lane.until(lambda: client.xlen(DEAD) == 2)
        dead = [fields for _, fields in client.xrange(DEAD)]
    assert lane.rows() == keys(readable)
    assert [fields[FIELD] for fields in dead] == [b"no message", message(unfit)]
    assert b"CheckViolation" in dead[1][b"reason"]
    assert "121 messages that were set aside are tried once more" in lane.journal.log


def test_what_is_delivered_again_is_stored_once_and_counted(lane: Lane) -> None:
    # given
    entries = [single(number) for number in range(5)]
    again = message(*entries)
    with lane.cache.client() as client:
        # when
        client.xadd(STREAM, {FIELD: again})
        lane.until(lambda: len(lane.rows()) == 5)
        client.xadd(STREAM, {FIELD: again})
        lane.until(lambda: client.xlen(STREAM) == 0)
    # then
    assert lane.rows() == keys(entries)
    lane.until(lambda: lane.health()["duplicates_total"] == 5)
    assert lane.health()["stored_total"] == 5


def test_what_it_had_read_before_a_kill_is_gone_on_with_at_once(lane: Lane) -> None:
    # given: read by this consumer, and never acknowledged
    lane.journal.kill()
    entries = [single(number) for number in range(5)]
    with lane.cache.client() as client:
        make_group(client)
        client.xadd(STREAM, {FIELD: message(*entries)})
        assert client.xreadgroup(GROUP, "journal-0", {STREAM: ">"})
        # when
        lane.journal.start()
        # then
        lane.until(lambda: client.xlen(STREAM) == 0)
        assert client.xpending(STREAM, GROUP)["pending"] == 0
    assert lane.rows() == keys(entries)


def test_what_another_consumer_left_is_taken_over(lane: Lane) -> None:
    # given: read by a consumer that is no more, a minute ago
    lane.journal.kill()
    entries = [single(number) for number in range(5)]
    with lane.cache.client() as client:
        make_group(client)
        identifier = client.xadd(STREAM, {FIELD: message(*entries)})
        client.xreadgroup(GROUP, "journal-7", {STREAM: ">"})
        client.xclaim(STREAM, GROUP, "journal-7", 0, [identifier], idle=60_000)
        # when
        lane.journal.start()
        # then
        lane.until(lambda: client.xlen(STREAM) == 0)
    assert lane.rows() == keys(entries)


def test_it_says_what_is_away_and_recovers(lane: Lane) -> None:
    # given
    address = f"http://127.0.0.1:{lane.journal.port}/health"
    lane.until(lambda: httpx.get(address, timeout=60).status_code == 200)
    for part, server in (("cache", lane.cache), ("database", lane.database)):
        # when
        server.kill()
        with lane.cache.client() as client:
            if part == "database":
                client.xadd(STREAM, {FIELD: message(single())})
        # then
        lane.until(lambda part=part: part in lane.health()["problems"])  # type: ignore[misc]
        assert httpx.get(address, timeout=60).status_code == 503
        assert f'closecast_journal_failing{{part="{part}"}} 1.0' in lane.metrics()
        server.start()
        lane.until(lambda: httpx.get(address, timeout=60).status_code == 200)


def test_a_cache_that_has_forgotten_everything_is_begun_with_anew(lane: Lane) -> None:
    with lane.cache.client() as client:
        lane.until(lambda: bool(client.exists(STREAM)))
        # when
        client.flushall()
        client.xadd(STREAM, {FIELD: message(entry := single())})
        # then
        lane.until(lambda: lane.rows() == keys([entry]))


def test_a_lake_that_is_away_holds_up_nobody(lane: Lane) -> None:
    # given
    shipper = lane.shipper()
    shipper.append(first := single(1))
    lane.until(lambda: "lake" in lane.health()["problems"])
    # when
    shipper.append(second := single(2))
    shipper.close()
    # then
    lane.until(lambda: lane.rows() == keys([first, second]))


@pytest.mark.parametrize("lane", ["s3"], indirect=True)
def test_what_was_stored_comes_to_the_lake_and_an_end_loses_nothing(lane: Lane, s3: S3) -> None:
    # given
    lake = Lake(LakeSettings.from_environment(s3.environment))
    before = set(lake.keys(PREFIX))
    shipper = lane.shipper()
    entries = [single(number) for number in range(500)]
    # when
    for entry in entries[:250]:
        shipper.append(entry)
    lane.until(lambda: len(lane.rows()) == 250)
    lane.journal.stop()
    assert "Traceback" not in lane.journal.log
    for entry in entries[250:]:
        shipper.append(entry)
    shipper.close()
    lane.journal.start()
    lane.until(lambda: len(lane.rows()) == 500)
    lane.until(lambda: lane.rows("SELECT sum(rows) FROM archive_batches WHERE archived_at IS NOT NULL") == [(500,)])
    # then
    found = []
    for key in set(lake.keys(PREFIX)) - before:
        with lake.opened(key) as file:
            found += pq.read_table(file)["id"].to_pylist()
    assert sorted(found) == sorted(str(entry.id) for entry in entries)
    assert lane.health()["archived_files_total"] >= 1


def test_it_ends_within_seconds_when_it_is_told_to(lane: Lane) -> None:
    begin = time.monotonic()
    lane.journal.stop()
    assert time.monotonic() - begin < 30
    assert "Traceback" not in lane.journal.log
