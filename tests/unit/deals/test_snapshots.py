"""Snapshots: who is open when, what the label is at the window's edges, and that nothing later is ever seen."""

import tracemalloc
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


def test_above_a_limit_the_rows_are_those_of_deals_drawn_evenly_and_always_the_same() -> None:
    # given deals that are open for one to twelve weeks, and some that never are
    weeks = np.arange(6_000) % 13
    opened = pd.Timestamp(2017, 6, 1)
    closes = (opened + pd.to_timedelta(7 * weeks, "D")).strftime("%Y-%m-%d")
    many = deals(
        *((str(opened.date()), close, "Won" if week % 2 else "Lost") for close, week in zip(closes, weeks, strict=True))
    )
    dates = weekly_as_of_dates(date(2017, 6, 1), date(2017, 9, 1))
    every = training_rows(many, dates, (7, 14), END)
    # when
    some = training_rows(many, dates, (7, 14), END, most=len(every) // 5)
    again = training_rows(many, dates, (7, 14), END, most=len(every) // 5)
    # then about a fifth of the deals, each with all of its rows, and as large a share of every kind of them
    assert len(some) == pytest.approx(len(every) / 5, rel=0.1)
    chosen = np.isin(every.deal, some.deal)
    for name in ("deal", "as_of", "horizon_days", "won", "engage_dates"):
        np.testing.assert_array_equal(getattr(some, name), getattr(every, name)[chosen])
        np.testing.assert_array_equal(getattr(some, name), getattr(again, name))
    shares = np.bincount(weeks[np.unique(some.deal)], minlength=13)[1:] / np.bincount(weeks)[1:]
    assert shares.min() > 0.13 and shares.max() < 0.27
    assert (every.deals(), every.deals_in_all) == (int((weeks > 0).sum()),) * 2
    assert (some.deals(), some.deals_in_all) == (len(np.unique(some.deal)), every.deals())


def test_up_to_the_limit_no_row_is_left_out() -> None:
    made = [
        training_rows(deals(("2017-01-01", "", "Engaging")), on("2017-05-01"), (7, 30), END, most=most)
        for most in (None, 2)
    ]
    assert len(made[0]) == len(made[1]) == 2


def test_of_many_deals_no_more_memory_is_taken_than_the_rows_that_are_kept_need() -> None:
    # given deals that would give sixteen million rows, half a gigabyte
    many = deals(("2017-01-01", "", "Engaging")).iloc[np.zeros(60_000, dtype=int)].reset_index(drop=True)
    dates = weekly_as_of_dates(date(2017, 1, 1), END)
    tracemalloc.start()
    try:
        # when
        rows = training_rows(many, dates, (1, 2, 3, 4, 5, 6), END, most=100_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # then
    assert len(rows) == pytest.approx(100_000, rel=0.2)
    assert peak < 30e6


def test_without_a_dated_deal_the_data_has_no_end() -> None:
    with pytest.raises(ValueError, match="no deal has an engage date"):
        data_end(deals(("", "", "Prospecting")))


@pytest.mark.parametrize(("horizon", "train", "test"), [(30, 34_223, 31_406), ("quarter_end", 26_631, 37_184)])
def test_row_counts_of_the_published_protocol(real_raw: pd.DataFrame, horizon: Any, train: int, test: int) -> None:
    # given
    accepted = check(real_raw).accepted
    end, cut = data_end(accepted), date(2017, 9, 1)
    # when
    dates = weekly_as_of_dates(date(2017, 3, 1), end - timedelta(days=7))
    early = training_rows(accepted, dates, (horizon,), cut - timedelta(days=1))
    late = training_rows(accepted, dates[dates >= np.datetime64(cut)], (horizon,), end)
    # then
    assert (len(early), len(late)) == (train, test)
