"""Reading JSON by column and by object comes to the same, and what is read by column is nothing that JSON or a deal is not."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.scoring.columns import DealTable
from services.api.batch import read
from services.api.problems import InvalidInputError
from services.api.schemas.predictions import BatchRequest
from tests.unit.services.api.batch_rows import values

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cc", "Cs"]), max_size=6)
_DEALS = st.lists(st.dictionaries(st.sampled_from(RAW_COLUMNS), st.none() | _TEXTS, min_size=1), min_size=1, max_size=6)
_SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (",", ": "), (", ", ":")])
_QUESTIONS = st.sampled_from([{}, {"horizon": 30}, {"as_of": "2017-12-31", "horizon": "quarter_end"}])


def _told(read: tuple[DealTable, BatchRequest] | None) -> tuple[list[dict[str, Any]], BatchRequest]:
    assert read is not None
    table, sent = read
    return [values(table, row) for row in range(len(table))], sent


@given(_DEALS, _SEPARATORS, _QUESTIONS, st.booleans())
def test_both_ways_of_reading_agree(
    deals: list[dict[str, Any]], separators: tuple[str, str], question: dict[str, Any], deals_last: bool
) -> None:
    request = {**question, "deals": deals} if deals_last else {"deals": deals, **question}
    body = json.dumps(request, separators=separators, ensure_ascii=False).encode()
    by_column = _told(read.by_column(body))
    assert by_column == _told(read.by_object(body))
    assert by_column[0] == [{name: value for name, value in deal.items() if value is not None} for deal in deals]


_BODY = json.dumps(
    {
        "as_of": "2017-12-31",
        "deals": [
            {"opportunity_id": "A1", "engage_date": "2017-11-20", "account": "Ö & Co", "close_value": None},
            {"engage_date": "2017-11-21", "opportunity_id": "A2", "sales_agent": "Ada Berg", "product": None},
            {"opportunity_id": "A3", "engage_date": ""},
        ],
        "horizon": "quarter_end",
    },
    ensure_ascii=False,
).encode()


@given(
    st.lists(
        st.tuples(st.integers(0, len(_BODY) - 1), st.integers(0, 3), st.sampled_from(b'":,{}[]\\ \n\x01n1a\xc3')),
        min_size=1,
        max_size=3,
    )
)
@example([(len(_BODY) // 2, 0, ord('"'))])
def test_damage_is_read_by_column_only_if_it_is_a_request_all_the_same(damage: list[tuple[int, int, int]]) -> None:
    body = bytearray(_BODY)
    for slot, removed, added in damage:
        body[slot : slot + removed] = bytes([added])
    try:
        body.decode()
        by_column = read.by_column(bytes(body))
    except (UnicodeDecodeError, msgspec.DecodeError):
        return
    if by_column is not None:
        assert _told(by_column) == _told(read.by_object(bytes(body)))


@pytest.mark.parametrize(
    "deals",
    [
        '[{"account":"a\\u00e9"}]',
        '[{"account":"a","account":"b"}]',
        '[{"account":"a","amount":"b"}]',
        '[{"account":"a","close_value":1.5}]',
        '[{"account":["a"]}]',
        '[{"account":{"a":"b"}}]',
        '[{"account":"a"},{}]',
        '[{"account":"a",}]',
        '[{"account":"a"} {"account":"a"}]',
        '[{"account":"a" "product":"a"}]',
        '[{"account":"a":"product"}]',
        '[{"account","product"}]',
        '[{"account":null null}]',
        '[{"account":"a\nb"}]',
        '[{"account":"' + "a" * 501 + '"}]',
        '[{"account":"a"}],"deals":[{"account":"b"}]',
        "[]",
    ],
)
def test_what_is_more_than_texts_or_less_than_a_deal_is_not_read_by_column(deals: str) -> None:
    assert read.by_column(b'{"deals":%b}' % deals.encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"deals":[{"account":"a"}],"horizon":"next year"}',
        b'{"deals":[{"account":"a"}],"horizons":30}',
        b'{"horizon":"[","deals":[{"account":"a"}]}',
        b'{"deals":"[{"account":"a"}]"}',
        b'[{"account":"a"}]',
        b'{"deals":[{"account":"a"}]',
    ],
)
def test_an_array_in_anything_but_a_request_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read.read_json(body)


@pytest.mark.parametrize(
    "deals", [b'[{"account":"\xff"}]', b'[{"a\xff":"b"}]', b'[{"account":"a","close_value":1.5}] \xff']
)
def test_another_encoding_is_told_as_such(deals: bytes) -> None:
    body = b'{"deals":%b}' % deals
    with pytest.raises(InvalidInputError, match=rf"not UTF-8 text \(byte {body.index(0xFF)}\)"):
        read.read_json(body)


def test_more_rows_than_a_batch_may_have_are_left_to_the_decoder_which_tells_them() -> None:
    row = b'{"account":"a"}'
    assert read.by_column(b'{"deals":[%b]}' % b",".join([row] * 10_000)) is not None
    assert read.by_column(b'{"deals":[%b]}' % b",".join([row] * 10_001)) is None
