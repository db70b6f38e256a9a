"""The ledger of an export: what was won, open and recent, and what a deal is worth."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from closecast.features.history import COLUMNS
from closecast.forecast.ledger import Ledger


def deals(*rows: tuple[str, str, str | None, str | None, float | None]) -> pd.DataFrame:
    """Deals of (product, stage, engage date, close date, value)."""
    made = pd.DataFrame(
        [
            [str(at), "Ada", product, None, stage, engaged, closed, value]
            for at, (product, stage, engaged, closed, value) in enumerate(rows)
        ],
        columns=list(COLUMNS),
    )
    return made.assign(**{name: pd.to_datetime(made[name]) for name in ("engage_date", "close_date")})


FEW = deals(
    ("A", "Won", "2017-01-05", "2017-01-20", 100.10),
    ("A", "Won", "2017-01-05", "2017-02-10", 199.90),
    ("B", "Lost", "2017-01-10", "2017-02-10", 0.0),
    ("B", "Engaging", "2017-02-01", None, None),
    ("C", "Prospecting", None, None, None),
)


def test_what_was_won_between_two_days_both_included() -> None:
    ledger = Ledger(FEW)
    assert ledger.revenue(date(2017, 1, 20), date(2017, 2, 10)) == 30_000
    assert ledger.revenue(date(2017, 1, 21), date(2017, 2, 9)) == 0
    assert ledger.won(date(2017, 2, 10), date(2017, 2, 10)).tolist() == [1]
    assert ledger.revenue(date.min, date.max) == 30_000


def test_a_deal_is_open_from_its_engagement_to_the_day_before_its_close() -> None:
    ledger = Ledger(FEW)
    assert len(ledger) == 4  # a deal without an engage date is in no sum
    assert ledger.open(date(2017, 1, 4)).tolist() == []
    assert ledger.open(date(2017, 1, 5)).tolist() == [0, 1]
    assert ledger.open(date(2017, 2, 9)).tolist() == [1, 2, 3]
    assert ledger.open(date(2017, 2, 10)).tolist() == [3]


def test_recent_deals_are_those_of_ninety_days_or_of_what_there_is() -> None:
    ledger = Ledger(FEW)
    assert [
        found.tolist() if isinstance(found, np.ndarray) else found for found in ledger.recent(date(2017, 1, 10))
    ] == [
        [0, 1, 2],
        6,
    ]
    rows, days = ledger.recent(date(2017, 4, 9))
    assert (rows.tolist(), days) == ([2, 3], 90)
    assert ledger.recent(date(2016, 1, 1))[1] == 1


def test_a_deal_is_worth_what_its_product_was_won_at_before() -> None:
    ledger = Ledger(FEW)
    # given no win, then one, then two
    value, spread = ledger.values(date(2017, 1, 20))
    assert (value.tolist(), spread) == ([0, 0, 0, 0], 0)
    value, spread = ledger.values(date(2017, 1, 21))
    assert value == pytest.approx([100.10, 100.10, 100.10, 100.10])  # of B, which was never won, as of all
    assert spread == 0
    value, spread = ledger.values(date(2017, 3, 1))
    assert value == pytest.approx([150.0] * 4)
    assert spread == pytest.approx(2 * 49.90**2 / (2 * 150.0**2))


def test_the_longest_cycle_is_that_of_closed_deals() -> None:
    ledger = Ledger(FEW)
    assert ledger.longest_cycle(date(2017, 1, 19)) == 0
    assert ledger.longest_cycle(date(2017, 1, 20)) == 15
    assert ledger.longest_cycle(date(2018, 1, 1)) == 36


def test_an_export_of_nothing_engaged_has_empty_sums() -> None:
    ledger = Ledger(deals(("A", "Prospecting", None, None, None)))
    assert ledger.revenue(date(2017, 1, 1), date(2018, 1, 1)) == 0
    assert ledger.open(date(2017, 1, 1)).tolist() == []
    assert ledger.recent(date(2017, 1, 1))[1] == 1
