"""What a mapping makes of each row, and which rows are no deals."""

from typing import Any

import pandas as pd
import pytest

from closecast.deals.mapping.apply import apply
from closecast.deals.mapping.document import Columns, Mapping, MappingError
from closecast.deals.reading.table import Layout, RawTable, SetAside

COLUMNS = Columns(
    stage="Stage",
    created="Created",
    closed=("Won on", "Lost on"),
    opportunity_id="Id",
    sales_agent="Owner",
    product="Product",
    account="Account",
    amount="Amount",
    currency="Currency",
    pipeline="Pipeline",
)
STAGES: dict[str, Any] = {"Won": "won", "Lost": "lost", "Talking": "open", "New": "open", "Parked": "ignored"}
HEADER = [
    "Id",
    "Owner",
    "Product",
    "Account",
    "Stage",
    "Created",
    "Won on",
    "Lost on",
    "Amount",
    "Currency",
    "Pipeline",
]
WON = ["a1", "Ada", "GTX", "Acme", "Won", "2024-01-02", "2024-03-04", "", "1,200.50", "EUR", "Sales"]
LOST = ["A1", "Bo", "GTX", "", "Lost", "2024-01-03", "", "2024-02-05", "900", "EUR", "Sales"]
OPEN = ["b2", "", "", "Acme", "Talking", "2024-01-04", "", "2024-12-31", "700", "EUR", "Sales"]
NEW = ["b3", "Cy", "GTX", "", "New", "", "", "", "", "", "Sales"]
PARKED = ["b4", "Cy", "GTX", "", "Parked", "2024-01-04", "", "", "", "", "Sales"]


def _table(*rows: list[str], columns: list[str] = HEADER) -> RawTable:
    frame = pd.DataFrame(rows, columns=columns, index=range(2, len(rows) + 2), dtype=object)
    return RawTable(frame, Layout("CSV"), (SetAside(9, "remark or total", "Total"),))


def _mapping(columns: Columns = COLUMNS, **options: Any) -> Mapping:
    return Mapping(version=1, columns=columns, stages=STAGES, **options)


def test_each_deal_comes_out_in_the_contracts_words() -> None:
    # when
    done = apply(_table(WON, LOST, OPEN, NEW, PARKED), _mapping())
    # then identifiers keep their case, an open deal's close and amount are dropped, a lost one is worth 0
    assert [list(row) for row in done.frame.itertuples(index=False)] == [
        ["a1", "Ada", "GTX", "Acme", "Won", "2024-01-02", "2024-03-04", "1200.5"],
        ["A1", "Bo", "GTX", "", "Lost", "2024-01-03", "2024-02-05", "0"],
        ["b2", "unknown", "unknown", "Acme", "Engaging", "2024-01-04", "", ""],
        ["b3", "Cy", "GTX", "", "Prospecting", "", "", ""],
    ]
    assert done.frame.index.tolist() == [2, 3, 4, 5]
    assert [(one.row, one.reason) for one in done.set_aside] == [
        (6, "deal whose stage is ignored (Parked)"),
        (9, "remark or total"),
    ]
    assert "open deals that carry a close date: 1; it is expected, not an outcome, and not used" in done.notes
    assert "deals without sales_agent: 1; it is 'unknown'" in done.notes


def test_what_cannot_be_read_is_left_for_the_contract_to_refuse() -> None:
    odd = [*WON[:5], "soon", "2024-13-01", "", "much", *WON[9:]]
    done = apply(_table(odd), _mapping())
    assert done.frame[["engage_date", "close_date", "close_value"]].iloc[0].tolist() == ["soon", "2024-13-01", "much"]


def test_columns_that_are_not_there_are_one_unknown() -> None:
    # given neither identifier nor agent, product, account, amount; and a row that is there twice
    columns = ["Stage", "Created", "Won on", "Lost on"]
    rows = [
        ["Won", "2024-01-02", "2024-02-03", ""],
        ["Talking", "2024-01-02", "", ""],
        ["Talking", "2024-01-02", "", ""],
    ]
    mapping = _mapping(Columns(stage="Stage", created="Created", closed=("Won on", "Lost on")))
    # when
    done = apply(_table(*rows, columns=columns), mapping)
    # then
    assert done.frame[["opportunity_id", "sales_agent", "product", "account", "close_value"]].iloc[0].tolist() == [
        "row 2",
        "unknown",
        "unknown",
        "unknown",
        "0",
    ]
    assert len(done.frame) == 2
    assert [(one.row, one.reason) for one in done.set_aside] == [
        (4, "row that appears more than once"),
        (9, "remark or total"),
    ]
    assert "there is no identifier: deals are called by their row in the file" in done.notes
    assert "there is no column for product: it is one 'unknown' for all deals" in done.notes


def test_deals_of_named_pipelines_alone_are_used() -> None:
    renewal = [*WON[:-1], "Renewals"]
    # when none is named, all are used, and that is told
    done = apply(_table(WON, renewal), _mapping())
    assert len(done.frame) == 2
    assert (
        "deals of all pipelines are used: Sales (1), Renewals (1); name `pipelines` to use some of them" in done.notes
    )
    # when one is
    done = apply(_table(WON, renewal), _mapping(pipelines=("Sales",)))
    assert len(done.frame) == 1
    assert (3, "deal of another pipeline") in [(one.row, one.reason) for one in done.set_aside]


def test_currencies_are_converted_by_the_rates_that_were_given_or_not_at_all() -> None:
    dollars = [*WON[:8], "100", "US Dollar", "Sales"]
    nameless = [*WON[:8], "100", "", "Sales"]
    with pytest.raises(MappingError, match="the amounts are in EUR, USD; give `rates` in the mapping"):
        apply(_table(WON, dollars), _mapping())
    with pytest.raises(MappingError, match="the mapping has no rate for USD"):
        apply(_table(WON, dollars), _mapping(rates={"EUR": 1.0}))
    done = apply(_table(WON, dollars, nameless), _mapping(rates={"EUR": 1.0, "USD": 0.9}))
    assert done.frame["close_value"].tolist() == ["1200.5", "90", "100"]
    assert "1 deals name no currency: their amounts are taken as they are" in done.notes


@pytest.mark.parametrize(
    ("rows", "mapping", "words"),
    [
        ([[*WON[:4], "Maybe", *WON[5:]]], _mapping(), r"no meaning to the stages 'Maybe' \(1 rows\)"),
        ([[*WON[:5], "1/2/2024", *WON[6:]]], _mapping(), "can be day-first or month-first.*give `dates: dmy` or"),
        (
            [[*WON[:5], "13/2/2024", *WON[6:]]],
            _mapping(dates="mdy"),
            "says dates: mdy, and the column 'Created' is written",
        ),
        (
            [WON],
            _mapping(Columns(stage="Stage", created="Begun", closed="Won on")),
            "lacks the mapping's columns 'Begun'; it has Id",
        ),
        ([WON], _mapping(Columns(stage="x", created="y", closed="z")), "it has none of them"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(rows: list[list[str]], mapping: Mapping, words: str) -> None:
    with pytest.raises(MappingError, match=words):
        apply(_table(*rows), mapping)


def test_an_order_that_was_given_reads_what_is_in_doubt() -> None:
    done = apply(_table([*WON[:5], "1/2/2024", *WON[6:]]), _mapping(dates="dmy"))
    assert done.frame["engage_date"].iloc[0] == "2024-02-01"


def test_moments_are_dates_in_the_mappings_time_zone() -> None:
    row = [*WON[:5], "2024-01-01T23:30:00Z", *WON[6:]]
    assert apply(_table(row), _mapping(timezone="Europe/Berlin")).frame["engage_date"].iloc[0] == "2024-01-02"
    assert apply(_table(row), _mapping()).frame["engage_date"].iloc[0] == "2024-01-01"
