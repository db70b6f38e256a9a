"""Deals in the columns of a CRM: one at a time they become what they become in an export."""

from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from closecast.deals.mapping.document import parse
from closecast.platform.sources.mapped import mapped, read_table
from closecast.scoring.own_columns import OwnColumns, own_columns
from closecast.scoring.rules import NotScorableError

MAPPING = """
version: 1
columns: {stage: Phase, created: Erstellt, closed: Ende, opportunity_id: Nr, sales_agent: Inhaber, account: Firma}
stages: {Angebot: open, Gewonnen: won, Verloren: lost, Pause: ignored}
timezone: Europe/Berlin
"""
ORDERS = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y", "ymd": "%Y-%m-%d", "named": "%b %d, %Y"}
# It shows which order a column is written in.
ANCHOR = {"Phase": "Gewonnen", "Erstellt": "2024-01-31", "Ende": "2024-02-28", "Nr": "0", "Inhaber": "A", "Firma": "B"}
NAMES = st.text(st.characters(codec="latin-1", exclude_categories=("C", "Z")), min_size=1, max_size=12)
RECORDS = st.fixed_dictionaries(
    {
        "Phase": st.just("Angebot"),
        "Erstellt": st.dates(min_value=pd.Timestamp("2001-01-01").date(), max_value=pd.Timestamp("2030-12-31").date()),
        "Ende": st.sampled_from(["", "2024-12-24"]),
        "Inhaber": st.one_of(st.just(""), NAMES),
        "Firma": st.one_of(st.just(""), NAMES),
    }
)


@given(st.lists(RECORDS, min_size=1, max_size=8), st.sampled_from(sorted(ORDERS)))
# A backslash that was once taken for an escape.
@example([{"Phase": "Angebot", "Erstellt": date(2024, 1, 2), "Ende": "", "Inhaber": "", "Firma": "\\`"}], "ymd")
def test_a_deal_becomes_what_it_becomes_in_an_export(records: list[dict[str, Any]], order: str) -> None:
    # given an export in one way of writing dates
    frame = pd.DataFrame([ANCHOR, *({"Nr": str(at), **one} for at, one in enumerate(records, 1))])
    for name in ("Erstellt", "Ende"):
        days = pd.to_datetime(frame[name], errors="coerce")
        frame[name] = days.dt.strftime(ORDERS[order]).fillna("")
    # when it is mapped, and each deal by itself with the mapping that is kept
    export = mapped(read_table(frame.to_csv(index=False).encode(), "the file"), "the file", parse(MAPPING))
    own = own_columns(export.of_deals)
    assert own is not None
    alone = [
        own.translate({str(name): value for name, value in record.items()}) for record in frame.to_dict("records")[1:]
    ]
    # then they are the same
    expected = export.frame.iloc[1:].to_dict("records")
    assert alone == [{name: value for name, value in one.items() if value} for one in expected]


@pytest.fixture
def own() -> OwnColumns:
    return OwnColumns(parse(MAPPING))


def test_which_record_is_in_the_columns_of_the_crm(own: OwnColumns) -> None:
    assert own.has({"Erstellt": "2024-01-02"})
    assert own.has({"Inhaber": None, "something": "else"})
    assert not own.has({"engage_date": "2024-01-02", "Inhaber": "A"})
    assert not own.has({"sales_agent": "A"})
    assert not own.has({})


@pytest.mark.parametrize(
    ("record", "field", "words"),
    [
        ({"Phase": "Traum"}, "deal.Phase", "the stage 'Traum' is not known"),
        ({"Phase": "Pause"}, "deal.Phase", "deals at 'Pause' are left out"),
        ({"Phase": ["Angebot"]}, "deal.Phase", "neither text nor a number"),
        ({"Erstellt": "soon"}, "deal.Erstellt", "'soon' is not a date"),
        ({"Erstellt": "3/4/2024"}, "deal.Erstellt", "can be day-first or month-first"),
        ({"Erstellt": True}, "deal.Erstellt", "neither text nor a number"),
        ({"Inhaber": {"name": "A"}}, "deal.Inhaber", "neither text nor a number"),
    ],
)
def test_the_column_that_cannot_be_read_is_named(
    own: OwnColumns, record: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(NotScorableError, match=words) as caught:
        own.translate(record)
    assert caught.value.field == field


def test_numbers_and_missing_values_are_read_as_in_a_table(own: OwnColumns) -> None:
    assert own.translate({"Nr": 17, "Erstellt": 45_292, "Firma": None, "Ende": "2024-05-06"}) == {
        "opportunity_id": "17",
        "engage_date": "2024-01-01",
        "sales_agent": "unknown",
        "product": "unknown",
    }
