"""Entries and the messages they travel in: the same comes out, to the bit, or a reason why not."""

import os
import time
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from closecast.platform.journal.entry import PART, columns, made_at, new_id, parts
from closecast.platform.journal.stream import MessageError, deals_in, encode, encode_single, pack, packed, unpack
from services.api.schemas.predictions import Deal
from tests.journal_entries import WIDTH, batch, keys, message, single, travelling
from tests.waiting import until


def test_identifiers_sort_by_their_time_and_tell_it() -> None:
    before = time.time()
    made = []
    for _ in range(5):
        made.append(new_id())
        now = time.time_ns() // 1_000_000
        until(lambda: time.time_ns() // 1_000_000 > now)  # noqa: B023 - awaited here
    assert made == sorted(made)
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    assert all(before - 0.001 <= (made_at(one) or 0) <= time.time() for one in made)
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_a_forked_process_makes_other_identifiers() -> None:
    # given
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, new_id().bytes)
        os._exit(0)
    # when
    os.waitpid(child, 0)
    theirs = os.read(read, 16)
    # then: the same moment is possible, the same noise is not
    assert theirs[6:] != new_id().bytes[6:]


def test_a_message_of_before_runs_were_written_down_is_read() -> None:
    # given what waits in a stream or a spool while the platform is brought up to date
    entry = single(1)
    earlier = [getattr(entry, name) for name in entry.__struct_fields__ if name != "model_run_id"]
    # when
    (found,) = unpack(pack([replace(encode(entry), content=msgspec.msgpack.encode(earlier))]))
    # then
    assert found == replace(entry, model_run_id=None)


def test_entries_come_out_as_they_went_in() -> None:
    # given
    odd = np.array([[-0.0, 5e-324, np.inf, np.nan, 0.1 + 0.2] + [1.0] * (WIDTH - 5)])
    entries = [
        single(1),
        single(
            2,
            deals={"account": ["Ünïcode ✓ \0 end"], "close_value": [7.5]},
            unseen=[[]],
            days=[45],
            features=odd.tobytes(),
        ),
        batch(3),
    ]
    # when
    packed_together = message(*entries)
    # then
    assert unpack(packed_together) == entries
    assert deals_in(packed_together) == 5


def test_a_batch_is_cut_into_parts_that_keep_each_deals_position() -> None:
    # given
    whole = batch(2 * PART + 7)
    # when
    messages = list(packed([encode(part) for part in parts(whole)]))
    entries = [entry for one in messages for entry in unpack(one)]
    # then
    assert [deals_in(one) for one in messages] == [PART, PART, 7]
    assert keys(entries) == keys([whole])
    assert b"".join(entry.features for entry in entries) == whole.features
    assert [deal for entry in entries for deal in entry.deals["opportunity_id"]] == whole.deals["opportunity_id"]
    assert [chance for entry in entries for chance in entry.probability] == whole.probability


def test_singles_share_a_message() -> None:
    encoded = [encode_single(travelling(single(number))) for number in range(PART + 1)]
    messages = list(packed(encoded))
    assert [deals_in(one) for one in messages] == [PART, 1]
    assert sum(map(len, messages)) < sum(len(one.content) for one in encoded)


def test_a_single_comes_out_as_an_entry_to_the_bit() -> None:
    # given
    odd = np.array([[-0.0, 5e-324, np.inf, np.nan, 0.1 + 0.2] + [1.0] * (WIDTH - 5)])
    entries = [
        single(1),
        single(
            2,
            deals={"account": ["Ünïcode ✓ \0 end"], "close_value": [7.5]},
            unseen=[[]],
            days=[45],
            features=odd.tobytes(),
        ),
    ]
    # when
    together = pack([encode_single(travelling(entry)) for entry in entries])
    # then
    assert unpack(together) == entries
    assert deals_in(together) == 2


def test_of_a_deal_that_was_asked_about_what_was_not_sent_is_not_kept() -> None:
    sent = Deal(engage_date="2017-11-20", account="", close_value=0.0)
    made = replace(travelling(single()), deal=sent)
    assert unpack(pack([encode_single(made)]))[0].deals == {
        "engage_date": ["2017-11-20"],
        "account": [""],
        "close_value": [0.0],
    }


def test_singles_and_batches_travel_in_messages_of_their_own() -> None:
    entries = [single(0), single(1), batch(3), single(2)]
    encoded = [encode_single(travelling(one)) if one.kind == "single" else encode(one) for one in entries]
    messages = list(packed(encoded))
    assert [deals_in(one) for one in messages] == [2, 3, 1]
    assert [entry for one in messages for entry in unpack(one)] == entries


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda _sound: b"", "too few"),
        (lambda sound: sound[:10], "too few"),
        (lambda sound: b"XX" + sound[2:], "begins with"),
        (lambda sound: sound[:-1], "checksum"),
        (lambda sound: sound[:-1] + bytes([sound[-1] ^ 1]), "checksum"),
        (lambda sound: sound[:4] + b"\xff\xff\xff\xff" + sound[8:], "claims to hold"),
        (lambda sound: sound[:4] + b"\x01\x00\x00\x00" + sound[8:], "cannot be read"),
    ],
)
def test_a_damaged_message_is_refused_with_the_reason(spoil: Any, words: str) -> None:
    with pytest.raises(MessageError, match=words):
        unpack(spoil(message(single())))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"features": b"1234567"}, "7 bytes of features"),
        ({"days": []}, "0 horizons"),
        ({"probability": [0.1, 0.2]}, "2 values of probability"),
        ({"deals": {"account": []}}, "0 values of account"),
        ({"kind": "guess"}, "Invalid enum value"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(MessageError, match=words):
        unpack(message(single(**changes)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"features": b"1234567"}, "7 bytes of features"),
        ({"days": ()}, "0 horizons"),
        ({"deal": ["2017-11-20"]}, "Expected `object`, got `array`"),
        ({"time": float("nan")}, "NaN"),
        ({"time": 1e300}, "out of range"),
        ({"time": "now"}, "Expected `float`, got `str`"),
    ],
)
def test_parts_of_a_single_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(MessageError, match=words):
        unpack(pack([encode_single(replace(travelling(single()), **changes))]))


def test_deals_become_columns_with_gaps() -> None:
    assert columns([{"a": 1}, {"b": "x", "a": None}]) == {"a": [1, None], "b": [None, "x"]}
    assert columns([]) == {}
