"""Snapshots: who is open when, what the label is at the window's edges, and that nothing later is ever seen."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.snapshots import data_end, training_rows, weekly_as_of_dates

END = date(2017, 12, 31)


def deals(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Rows of (engage date, close date, stage), "" where missing."""
    frame = pd.DataFrame(rows, columns=["engage_date", "close_date", "deal_stage"])
    for name in ("engage_date", "close_date"):
        frame[name] = pd.to_datetime(frame[name].replace("", None), format="%Y-%m-%d")
    return frame


def on(day: str) -> Any:
    return np.array([day], dtype="M8[D]")


@pytest.mark.parametrize(
    ("engaged", "closed", "is_open"),
    [
        ("2017-05-01", "", True),  # engaged on the as-of date
        ("2017-05-02", "", False),
        ("2017-04-01", "2017-05-01", False),  # closed on the as-of date: that is known
        ("2017-04-01", "2017-05-02", True),
        ("", "", False),  # Prospecting
    ],
)
def test_open_at_the_as_of_date(engaged: str, closed: str, is_open: bool) -> None:
    # when
    rows = training_rows(deals((engaged, closed, "Won")), on("2017-05-01"), (30,), END)
    # then
    assert len(rows) == int(is_open)


@pytest.mark.parametrize(
    ("closed", "stage", "won"),
    [
        ("2017-05-02", "Won", 1),
        ("2017-05-31", "Won", 1),  # the window's last day
        ("2017-06-01", "Won", 0),
        ("2017-05-20", "Lost", 0),
        ("", "Engaging", 0),
    ],
)
def test_the_label_at_the_edges_of_the_window(closed: str, stage: str, won: int) -> None:
    # when
    rows = training_rows(deals(("2017-04-01", closed, stage)), on("2017-05-01"), (30,), END)
    # then
    assert rows.won.tolist() == [won]


def test_only_windows_that_end_within_the_data_are_labelled() -> None:
    # given
    one = deals(("2017-04-01", "", "Engaging"))
    # when
    rows = training_rows(one, on("2017-12-01"), (30, 31, "quarter_end"), END)
    # then
    assert rows.horizon_days.tolist() == [30]  # 31 days reach 2018; the quarter's end is the same 30 days, kept once
    assert len(training_rows(one, on("2017-12-02"), (30,), END)) == 0


def test_the_embargo_leaves_out_windows_that_reach_the_cut() -> None:
    # given
    rows = training_rows(deals(("2017-01-01", "", "Engaging")), weekly_as_of_dates(date(2017, 7, 5), END), (30,), END)
    cut = date(2017, 9, 1)
    # when
    early, late = rows.known_before(cut), rows.seen_from(cut)
    # then
    assert early.window_ends().max() < np.datetime64(cut)
    assert early.as_of.max() == np.datetime64("2017-07-26")
    assert late.as_of.min() == np.datetime64("2017-09-06")


def test_without_a_dated_deal_the_data_has_no_end() -> None:
    with pytest.raises(ValueError, match="no deal has an engage date"):
        data_end(deals(("", "", "Prospecting")))


@pytest.mark.parametrize(("horizon", "train", "test"), [(30, 34_223, 31_406), ("quarter_end", 26_631, 37_184)])
def test_row_counts_of_the_published_protocol(real_raw: pd.DataFrame, horizon: Any, train: int, test: int) -> None:
    # given
    accepted = check(real_raw).accepted
    end, cut = data_end(accepted), date(2017, 9, 1)
    # when
    rows = training_rows(accepted, weekly_as_of_dates(date(2017, 3, 1), end - timedelta(days=7)), (horizon,), end)
    # then
    assert (len(rows.known_before(cut)), len(rows.seen_from(cut))) == (train, test)
