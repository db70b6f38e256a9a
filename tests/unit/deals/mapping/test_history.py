"""Stage histories in files beside the deals: what is taken for one, and what is made of its entries."""

from typing import Any

import pandas as pd
import pytest

from closecast.deals import stages
from closecast.deals.mapping import history
from closecast.deals.mapping.document import Columns, HistoryColumns, Mapping, MappingError
from closecast.deals.reading import export as reading
from closecast.deals.reading.table import RawTable

DEALS = pd.DataFrame(
    {
        "opportunity_id": ["a1", "a2", "a3", "a4"],
        "deal_stage": ["Won", "Lost", "Engaging", "Engaging"],
        "close_date": ["2017-03-01", "2017-04-01", "", ""],
    }
)
STAGES = pd.Series(["Closed Won", "Closed Lost", "Demo", "Offer"])
ENTERED = """id,opportunity_id,from_stage,to_stage,stage_entered_date,stage_exited_date
1,a1,,Demo,2017-01-02,2017-01-09
2,a1,Demo,Offer,2017-01-09,2017-03-02
3,a1,Offer,Demo,2017-03-02,
4,a2,,Demo,2017-02-01,2017-02-03
5,a2,Demo,Offer,2017-02-03,2017-02-05
6,a2,Offer,Demo,2017-02-05,
7,a3,,Demo,2017-02-07,
8,zz,,Demo,2017-02-07,
9,a3,Demo,Closed Lost,2017-02-20,
10,a3,Demo,Offer,,
"""
SALESFORCE = """Id,OpportunityId,Field,OldValue,NewValue,CreatedDate
1,a1,created,,,2017-01-02T08:00:00Z
2,a1,StageName,,Demo,2017-01-02T08:00:00Z
3,a1,CloseDate,2017-02-01,2017-03-15,2017-01-09T08:00:00Z
4,a1,StageName,Demo,Offer,2017-01-09T10:00:00Z
5,a1,StageName,Lead,Demo,2017-01-09T09:00:00Z
6,a2,Amount,1,2,2017-02-01T08:00:00Z
7,a2,StageName,,Demo,2017-02-01T08:00:00Z
"""
HUBSPOT = """Record ID,Property name,Value,Timestamp
a1,dealstage,presentationscheduled,2017-01-02 08:00
a1,closedate,2017-03-15,2017-01-02 08:00
a2,dealstage,qualifiedtobuy,2017-02-01 08:00
"""
SNAPSHOTS = """OpportunityId,StageName,Amount,CloseDate,CreatedDate
a1,Demo,10,2017-02-15,2017-01-02
a1,Offer,10,2017-02-28,2017-01-20
a2,Demo,12,2017-03-15,2017-02-01
"""


def table(text: str) -> RawTable:
    return reading.read(text.encode())


def found(**files: str) -> history.Found:
    beside = {name: table(text) for name, text in files.items()}
    return history.find(beside, DEALS["opportunity_id"], STAGES)


def applied(text: str, mapping: Mapping | None = None) -> dict[str, list[Any]]:
    columns = found(history=text).columns
    assert columns is not None
    done = history.apply(table(text), columns, mapping, DEALS)
    assert done.texts is not None
    read = {deal: stages.read(text) for deal, text in zip(DEALS["opportunity_id"], done.texts, strict=True) if text}
    return {
        deal: [(str(one.changed), one.stage, one.expected_close and str(one.expected_close)) for one in entries]
        for deal, entries in read.items()
    }


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (ENTERED, {"deal": "opportunity_id", "changed": "stage_entered_date", "stage": "to_stage"}),
        (
            SALESFORCE,
            {
                "deal": "OpportunityId",
                "changed": "CreatedDate",
                "stage": "StageName",
                "expected_close": "CloseDate",
                "field": "Field",
                "value": "NewValue",
            },
        ),
        (
            HUBSPOT,
            {
                "deal": "Record ID",
                "changed": "Timestamp",
                "stage": "dealstage",
                "expected_close": "closedate",
                "field": "Property name",
                "value": "Value",
            },
        ),
        (
            SNAPSHOTS,
            {"deal": "OpportunityId", "changed": "CreatedDate", "stage": "StageName", "expected_close": "CloseDate"},
        ),
    ],
    ids=["stages entered", "Salesforce's fields", "HubSpot's properties", "snapshots"],
)
def test_a_history_is_known_by_its_deals_its_stages_and_its_names(text: str, columns: dict[str, str]) -> None:
    assert found(history=text).columns == HistoryColumns(**columns, file="history")


@pytest.mark.parametrize(
    "text",
    [
        "opportunity_id,stage,entered\nx1,Demo,2017-01-02\nx1,Offer,2017-01-03\n",  # of other deals
        "opportunity_id,stage,entered\na1,Demo,2017-01-02\na2,Offer,2017-01-03\n",  # each once: no history
        "opportunity_id,status,created\na1,Accepted,2017-01-02\na1,Draft,2017-01-03\n",  # quotes
        "opportunity_id,stage,created\na1,Wild,2017-01-02\na1,Odd,2017-01-03\n",  # no stages that are known
        "opportunity_id,note,created\na1,Demo,2017-01-02\na1,Offer,2017-01-03\n",  # no name of a stage
    ],
)
def test_another_table_is_none(text: str) -> None:
    assert found(other=text) == history.Found()


def test_what_is_not_certain_is_asked() -> None:
    odd = "opportunity_id,to_stage,when\na1,Demo,2017-01-02\na1,Offer,2017-01-03\n"
    assert "which column of odd.csv is the date" in str(found(**{"odd.csv": odd}).question)
    assert "which file is the stage history, one or other" in str(found(one=ENTERED, other=ENTERED).question)


def test_entries_after_the_close_of_unknown_deals_and_of_closed_stages_are_dropped_and_counted() -> None:
    # when
    columns = found(history=ENTERED).columns
    assert columns is not None
    done = history.apply(table(ENTERED), columns, None, DEALS)
    # then
    assert applied(ENTERED) == {
        "a1": [("2017-01-02", "Demo", None), ("2017-01-09", "Offer", None)],
        "a2": [("2017-02-01", "Demo", None), ("2017-02-03", "Offer", None), ("2017-02-05", "Demo", None)],
        "a3": [("2017-02-07", "Demo", None)],
    }
    assert "10 entries of the stage history, dropped 1 entered after the deal closed, " in done.note
    for words in ("1 of deals that are not in the export", "1 that say how the deal ended", "1 without a date"):
        assert words in done.note
    assert done.note.endswith("6 used, of 3 deals, with 1 move back")


def test_changed_fields_are_ordered_by_their_time_of_day() -> None:
    assert applied(SALESFORCE) == {
        "a1": [
            ("2017-01-02", "Demo", None),
            ("2017-01-09", None, "2017-03-15"),
            ("2017-01-09", "Demo", None),
            ("2017-01-09", "Offer", None),
        ],
        "a2": [("2017-02-01", "Demo", None)],
    }


def test_moments_become_dates_of_the_mappings_time_zone() -> None:
    columns = Columns(stage="stage", created="created", closed="closed")
    mapping = Mapping(version=1, columns=columns, stages={}, timezone="Asia/Tokyo")
    text = SALESFORCE.replace("2017-02-01T08:00:00Z", "2017-02-01T20:00:00Z")
    assert applied(text, mapping)["a2"] == [("2017-02-02", "Demo", None)]


def test_days_and_months_that_nothing_tells_apart_are_refused() -> None:
    columns = HistoryColumns(deal="d", changed="c", stage="s")
    with pytest.raises(MappingError, match=r"'02/01/2017' in the column 'c' of the stage history .* give `dates: dmy`"):
        history.apply(table("d,c,s\na1,02/01/2017,Demo\n"), columns, None, DEALS)


def test_columns_that_are_not_there_are_named() -> None:
    with pytest.raises(MappingError, match="lacks the mapping's columns 'c'"):
        history.apply(table("d,s\na1,Demo\n"), HistoryColumns(deal="d", changed="c", stage="s"), None, DEALS)


def test_a_history_that_only_won_deals_have_is_not_used() -> None:
    # given
    deals = pd.concat([DEALS[:2]] * 20, ignore_index=True)
    deals["opportunity_id"] = [f"d{number}" for number in range(40)]
    rows = "".join(f"d{number},2017-01-02,Demo\n" for number in range(0, 40, 2))
    # when
    done = history.apply(table(f"d,c,s\n{rows}"), HistoryColumns(deal="d", changed="c", stage="s"), None, deals)
    # then
    assert done.texts is None
    assert "not used: 100% of the deals won have one and 0% of those lost" in done.note


def test_deals_that_were_reopened_are_counted() -> None:
    columns = history.find({"h": table(ENTERED)}, DEALS["opportunity_id"], STAGES).columns
    assert columns is not None
    again = ENTERED + "11,a3,Closed Lost,Demo,2017-02-25,\n"
    assert "reopened after a stage that means won or lost: 1" in history.apply(table(again), columns, None, DEALS).note
    assert "reopened" not in history.apply(table(ENTERED), columns, None, DEALS).note
