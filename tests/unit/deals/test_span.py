"""The data's begin and end: a few odd dates move neither, the data's own rhythm is respected, and as_of settles it."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecast.deals.contract import CheckedDeals, check
from closecast.deals.snapshots import data_end
from closecast.deals.synthetic.generator import generate
from closecast.deals.vocabulary import RAW_COLUMNS

ORDINARY = generate(2_500, seed=11)
KNOWN = check(ORDINARY).accepted
END, FIRST = data_end(KNOWN), KNOWN["close_date"].min().date()


def deal(number: int, engaged: date, closed: date | None = None) -> dict[str, str]:
    return {
        "opportunity_id": f"T{number}",
        "sales_agent": "Ada Berg",
        "product": "GTX Basic",
        "account": f"Oak {number}",
        "deal_stage": "Won" if closed else "Engaging",
        "engage_date": str(engaged),
        "close_date": str(closed or ""),
        "close_value": "550" if closed else "",
    }


def export(*rows: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(RAW_COLUMNS))


def with_rows(*rows: dict[str, str]) -> CheckedDeals:
    return check(pd.concat([ORDINARY, export(*rows)], ignore_index=True))


def closing_every_day(days: int, but: range = range(0), start: date = date(2017, 1, 2)) -> list[dict[str, str]]:
    dates = [start + timedelta(day) for day in range(days) if day not in but]
    return [deal(number, day - timedelta(3), day) for number, day in enumerate(dates)]


def test_one_close_nine_months_late_is_set_aside_with_the_end_and_a_remedy() -> None:
    # when
    late = END + timedelta(273)
    checked = with_rows(deal(1, date(2017, 10, 2), late))
    # then
    assert data_end(checked.accepted) == END
    assert checked.rejected["reasons"].tolist() == [
        f"close_date is after {END}, where the other dates end: correct it, or name the export's date as as_of"
    ]
    assert f"(for example '{late}' in T1)" in checked.summary()


def test_an_engagement_does_the_same_and_a_thousand_rows_of_one_day_are_one_day() -> None:
    # given
    late = END + timedelta(200)
    # when
    checked = with_rows(*(deal(number, late) for number in range(1_000)))
    # then
    assert data_end(checked.accepted) == END
    assert (checked.rejected["reasons"].str.startswith(f"engage_date is after {END}")).sum() == 1_000


@settings(max_examples=12)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 700)), min_size=1, max_size=5))
def test_five_odd_rows_move_the_begin_and_the_end_by_days_or_are_told(odd: list[tuple[bool, int]]) -> None:
    # given closes after the last date, and before the first
    rows = [
        deal(number, END - timedelta(60), END + timedelta(days))
        if late
        else deal(number, FIRST - timedelta(days + 10), FIRST - timedelta(days))
        for number, (late, days) in enumerate(odd)
    ]
    # when
    checked = with_rows(*rows)
    # then
    accepted = checked.accepted
    assert END <= data_end(accepted) <= END + timedelta(5 * 14)
    ends = sorted({0, *(days for late, days in odd if late)})
    if all(later - sooner > 14 for sooner, later in pairwise(ends)):
        assert data_end(accepted) == END
    assert FIRST - timedelta(60) <= accepted["close_date"].min().date() <= FIRST
    assert set(checked.rejected["opportunity_id"]) <= {row["opportunity_id"] for row in rows}
    assert len(accepted) + len(checked.rejected) == len(ORDINARY) + len(rows)


@pytest.mark.parametrize("rows", [20, 60, 300, 2_500])
@pytest.mark.parametrize("seed", range(3))
def test_ordinary_exports_of_any_size_lose_nothing_but_a_lone_first_close(rows: int, seed: int) -> None:
    reasons = check(generate(rows, seed=seed)).rejected["reasons"]
    assert len(reasons) <= 2
    assert reasons.str.startswith("close_date is earlier than").all()


def test_the_real_export_keeps_its_end_and_loses_nothing(real_raw: pd.DataFrame) -> None:
    checked = check(real_raw)
    assert checked.rejected.empty
    assert data_end(checked.accepted) == date(2017, 12, 31)


def test_a_quiet_summer_and_business_days_are_rhythm() -> None:
    # given six weeks in which nothing happens, and as long a pause before the last day
    rows = closing_every_day(300, but=range(150, 192))
    last = deal(999, date(2017, 10, 1), date(2017, 1, 2) + timedelta(299 + 42))
    # then
    assert check(export(*rows, last)).rejected.empty
    # and business days
    business = [day for day in pd.bdate_range("2017-01-02", periods=250).date if (day.month, day.day) < (12, 20)]
    rows = [deal(number, day, day) for number, day in enumerate(business)]
    assert check(export(*rows, deal(999, business[-1] + timedelta(5)))).rejected.empty


def test_months_that_close_in_one_go_are_rhythm_until_they_are_not() -> None:
    # given a year of closes on each month's last day, of deals engaged on its first
    months = pd.date_range("2017-01-31", periods=24, freq="ME").date
    rows = [deal(10 * at + one, day.replace(day=1), day) for at, day in enumerate(months) for one in range(10)]
    # then
    assert check(export(*rows)).rejected.empty
    assert check(export(*rows, deal(999, months[-1], months[-1] + timedelta(62)))).rejected.empty
    far = check(export(*rows, deal(999, months[-1], months[-1] + timedelta(330))))
    assert far.rejected["opportunity_id"].tolist() == ["T999"]


def test_a_thinning_end_is_no_odd_date() -> None:
    # given closes that become rarer and rarer: each day, each second, … each fifth
    days = np.concatenate([np.arange(300), 300 + np.cumsum(np.repeat([1, 2, 3, 4, 5], 8))])
    rows = [
        deal(number, date(2017, 1, 1) + timedelta(int(day)), date(2017, 1, 3) + timedelta(int(day)))
        for number, day in enumerate(days)
    ]
    assert check(export(*rows)).rejected.empty


def test_few_deals_have_no_rhythm() -> None:
    rows = [deal(1, date(2017, 1, 2), date(2017, 3, 4)), deal(2, date(2017, 1, 9)), deal(3, date(2019, 1, 9))]
    assert check(export(*rows)).rejected.empty


def test_as_of_vouches_for_what_precedes_it_and_for_nothing_after() -> None:
    # given a date that the others do not bear out
    late = END + timedelta(100)
    raw = pd.concat([ORDINARY, export(deal(1, date(2017, 10, 2), late))], ignore_index=True)
    # when it is vouched for
    assert data_end(check(raw, late).accepted) == late
    # and when the export is said to be of a day before the end
    sooner = END - timedelta(10)
    checked = check(raw, sooner)
    assert data_end(checked.accepted) <= sooner
    reasons = set("; ".join(checked.rejected["reasons"]).split("; "))
    assert reasons == {
        f"{name} is after {sooner}, the as_of that was given: correct it, or give a later as_of"
        for name in ("engage_date", "close_date")
    }


def test_an_early_close_is_set_aside() -> None:
    checked = with_rows(deal(1, FIRST - timedelta(110), FIRST - timedelta(100)))
    assert checked.accepted["close_date"].min().date() == FIRST
    assert checked.rejected["reasons"].tolist() == [
        f"close_date is earlier than {FIRST}, where the other closes begin: correct it, or leave the deal out"
    ]


def test_a_row_with_two_odd_dates_names_both() -> None:
    checked = with_rows(deal(1, END + timedelta(100), END + timedelta(200)))
    assert [reason.split(" is ")[0] for reason in checked.rejected["reasons"].iloc[0].split("; ")] == [
        "engage_date",
        "close_date",
    ]


@pytest.mark.parametrize("value", ["1000000000000", "400000"])
def test_a_price_that_no_other_explains_is_set_aside(value: str) -> None:
    checked = with_rows({**deal(1, date(2017, 10, 2), date(2017, 11, 2)), "close_value": value})
    assert checked.rejected["reasons"].tolist() == [
        "close_value is 100 times or more what such deals are worth: correct it"
    ]


@pytest.mark.parametrize("spread", [0.1, 1.0, 2.0])
def test_values_that_spread_are_no_odd_prices(spread: float) -> None:
    raw = ORDINARY.copy()
    won = raw["deal_stage"] == "Won"
    raw.loc[won, "close_value"] = np.exp(np.random.default_rng(0).normal(7, spread, won.sum())).round(2).astype(str)
    assert check(raw).rejected.empty
