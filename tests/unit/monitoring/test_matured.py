"""A prediction is judged when its horizon has passed and is known, and one prediction of a deal counts at a time."""

from dataclasses import astuple
from datetime import date, timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from closecast.monitoring.matured import MATURED_COLUMNS, PREDICTION_COLUMNS, PredictionCounts, counting, mature
from closecast.monitoring.outcomes import LOST, OPEN, WON, Known, ReportCounts

Prediction = tuple[str | None, date, int, str, str | None, float]  # PREDICTION_COLUMNS
_DAYS = st.dates(date(2017, 1, 1), date(2017, 2, 9))
_PREDICTIONS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C", None]),
        _DAYS,
        st.sampled_from([7, 20, 30, 45]),
        st.just("1"),
        st.sampled_from(["x", "y", None]),
        st.just(0.3),
    ),
    max_size=25,
)


def frame(predictions: list[Prediction]) -> pd.DataFrame:
    made = pd.DataFrame(predictions, columns=list(PREDICTION_COLUMNS))
    return made.assign(
        as_of=pd.to_datetime(made["as_of"]),
        horizon_days=made["horizon_days"].astype(np.int64),
        probability=made["probability"].astype(float),
    )


def knowing(deals: dict[str, tuple[str, date | None]], reach: date | None) -> Known:
    table = pd.DataFrame(
        {
            "stage": [stage for stage, _ in deals.values()],
            "close_date": pd.to_datetime(pd.Series([close for _, close in deals.values()], dtype=object)).to_numpy(),
        },
        index=pd.Index(deals, dtype=object),
    )
    return Known(table, np.datetime64(reach if reach is not None else "NaT", "D"), ReportCounts(0, 0, 0, 0, 0, 0))


@st.composite
def states(draw: st.DrawFn) -> tuple[dict[str, tuple[str, date | None]], date | None]:
    deals: dict[str, tuple[str, date | None]] = {}
    for deal in draw(st.sets(st.sampled_from("AB"))):
        stage = draw(st.sampled_from([WON, LOST, OPEN]))
        deals[deal] = (stage, None if stage == OPEN else draw(_DAYS))
    return deals, draw(st.none() | _DAYS)


@given(_PREDICTIONS, states())
def test_each_prediction_is_in_one_group(
    predictions: list[Prediction], state: tuple[dict[str, tuple[str, date | None]], date | None]
) -> None:
    # given
    deals, reach = state
    # when
    found = mature(frame(predictions), knowing(deals, reach))
    # then
    groups = dict.fromkeys(PredictionCounts.__dataclass_fields__, 0)
    seen = set()
    judged = []
    for deal, as_of, days, version, run, _ in predictions:
        matures = as_of + timedelta(days=days)
        if deal is None:
            groups["unnamed"] += 1
            continue
        if deal not in deals:
            groups["unknown"] += 1
            continue
        stage, close = deals[deal]
        if close is not None and close <= as_of:
            groups["closed_before"] += 1
        elif (deal, as_of, days, version, run) in seen:
            groups["repeated"] += 1
        elif reach is None or matures > reach:
            groups["waiting"] += 1
        else:
            won = stage == WON and close is not None and close <= matures
            groups["won" if won else "not_won"] += 1
            judged.append((deal, as_of, days, int(won)))
        seen.add((deal, as_of, days, version, run))
    assert found.counts == PredictionCounts(**groups)
    assert sum(astuple(found.counts)) == len(predictions)
    assert tuple(found.table.columns) == MATURED_COLUMNS
    rows = zip(*(found.table[name] for name in ("deal", "as_of", "horizon_days", "won")), strict=True)
    assert [(deal, day.date(), days, won) for deal, day, days, won in rows] == judged


@given(_PREDICTIONS, states(), st.integers(0, 60))
def test_what_is_judged_and_counts_stays_so_as_time_goes_on(
    predictions: list[Prediction], state: tuple[dict[str, tuple[str, date | None]], date | None], later: int
) -> None:
    # given
    deals, reach = state
    reach = reach or date(2017, 2, 1)
    # when the data reach further and say the same
    before = mature(frame(predictions), knowing(deals, reach)).table
    after = mature(frame(predictions), knowing(deals, reach + timedelta(days=later))).table
    # then
    key = ["deal", "as_of", "horizon_days", "run_id"]
    both = before.merge(after, on=key, suffixes=("", "_after"))
    assert len(both) == len(before)
    assert (both["won"] == both["won_after"]).all()
    assert (both["counts"] == both["counts_after"]).all()


@given(_PREDICTIONS)
def test_predictions_of_a_deal_that_count_do_not_overlap(predictions: list[Prediction]) -> None:
    # given
    made = frame([one for one in predictions if one[0] is not None])
    # when
    made["counts"] = counting(made)
    # then
    for _, rows in made[made["counts"]].sort_values("as_of").groupby(["deal", "run_id"], dropna=False):
        ends = rows["as_of"] + pd.to_timedelta(rows["horizon_days"], unit="D")
        assert (rows["as_of"].iloc[1:].to_numpy() >= ends.iloc[:-1].to_numpy()).all()
    first = made.sort_values("as_of").drop_duplicates(["deal", "run_id"])["as_of"]
    assert len(made[made["counts"]].drop_duplicates(["deal", "run_id"])) == len(first)


@given(_PREDICTIONS)
def test_predictions_that_count_do_not_overlap_where_the_first_are_spread(predictions: list[Prediction]) -> None:
    # given
    made = frame([one for one in predictions if one[0] is not None])
    # when
    made["counts"] = counting(made, spread_first=True)
    # then
    for _, rows in made[made["counts"]].sort_values("as_of").groupby(["deal", "run_id"], dropna=False):
        ends = rows["as_of"] + pd.to_timedelta(rows["horizon_days"], unit="D")
        assert (rows["as_of"].iloc[1:].to_numpy() >= ends.iloc[:-1].to_numpy()).all()


def test_the_deals_of_the_first_day_do_not_all_count_on_it_where_the_first_are_spread() -> None:
    # given: 400 deals that are asked about every week, 100 of them from the third week on
    days = [date(2017, 1, 2) + timedelta(weeks=week) for week in range(10)]
    made = frame(
        [(f"D{deal}", day, 30, "1", "x", 0.3) for day in days for deal in range(400) if deal < 300 or day >= days[2]]
    )
    # when
    first = made[counting(made, spread_first=True)].drop_duplicates("deal").set_index("deal")["as_of"]
    # then
    assert len(first) == 400
    begun = first[[f"D{deal}" for deal in range(300)]].value_counts()
    assert begun.max() < 150
    assert begun.index.max() == pd.Timestamp(days[4])
    assert set(first[[f"D{deal}" for deal in range(300, 400)]]) == {pd.Timestamp(days[2])}


def test_of_several_horizons_the_one_nearest_to_thirty_days_counts() -> None:
    day = date(2017, 1, 2)
    made = frame([("A", day, days, "1", "x", 0.3) for days in (7, 89, 30, 14)])
    assert counting(made).tolist() == [False, False, True, False]


def test_a_deal_won_early_waits_until_its_horizon_is_known() -> None:
    # given a deal won on the second day of the horizon
    made = frame([("A", date(2017, 1, 1), 30, "1", "x", 0.3)])
    deals: dict[str, tuple[str, date | None]] = {"A": (WON, date(2017, 1, 3))}
    # when / then
    assert mature(made, knowing(deals, date(2017, 1, 30))).counts.waiting == 1
    assert mature(made, knowing(deals, date(2017, 1, 31))).counts.won == 1


def test_the_last_day_of_the_horizon_belongs_to_it() -> None:
    made = frame([("A", date(2017, 1, 1), 30, "1", "x", 0.3)])
    for close, won in ((date(2017, 1, 31), 1), (date(2017, 2, 1), 0)):
        assert mature(made, knowing({"A": (WON, close)}, date(2017, 3, 1))).table["won"].tolist() == [won]
