"""Past deals like an open one: each seen once, at the same age, and only with what was known."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closecast.deals.calendar import CALENDAR_YEAR
from closecast.scoring.alike import Alike, alike, counts
from closecast.scoring.question import Quarter, Question

AS_OF = date(2017, 11, 15)
QUARTER = Quarter(date(2017, 10, 1), date(2017, 12, 31))


def question(days: int) -> Question:
    return Question(AS_OF, days, AS_OF + timedelta(days=days), QUARTER, (days,), ())


def deal(
    name: str, engaged: str, stage: str = "Engaging", closed: str | None = None, product: str = "A"
) -> list[object]:
    return [
        name,
        "Ada Berg",
        product,
        None,
        stage,
        pd.Timestamp(engaged),
        pd.Timestamp(closed) if closed else pd.NaT,
        1.0,
    ]


def frame(*deals: list[object]) -> pd.DataFrame:
    names = [
        "opportunity_id",
        "sales_agent",
        "product",
        "account",
        "deal_stage",
        "engage_date",
        "close_date",
        "close_value",
    ]
    return pd.DataFrame(list(deals), columns=names)


def found(deals: pd.DataFrame, days: int = 30, engaged: date = date(2017, 11, 5), identifier: str = "asked") -> Alike:
    return alike(deals, identifier, engaged, "A", question(days), CALENDAR_YEAR)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(-1, 200)), min_size=1, max_size=120),
    st.lists(st.integers(0, 300), max_size=8),
    st.integers(1, 90),
)
def test_the_counts_of_many_deals_are_those_of_each(past: list[tuple[int, int]], ages: list[int], days: int) -> None:
    # given deals engaged so many days before and after the as-of date, of which some never closed
    rows = []
    for at, (since, lasted) in enumerate(past):
        engaged = AS_OF - timedelta(days=since - 20)
        closed = None if lasted < 0 else str(engaged + timedelta(days=lasted))
        rows.append(deal(f"past {at}", str(engaged), "Engaging" if closed is None else "Won", closed))
    deals = frame(*rows)
    # then
    each = [found(deals, days, AS_OF - timedelta(days=age)).of for age in ages]
    assert counts(deals, np.array(ages, dtype=np.int64), question(days), CALENDAR_YEAR).tolist() == each


def test_without_a_past_there_is_nothing_to_count() -> None:
    nothing = frame(deal("later", "2018-01-01"))
    assert counts(nothing, np.array([3, 0]), question(30), CALENDAR_YEAR).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        # the asked deal is ten days old: each of these is seen ten days after its engagement
        (deal("won in time", "2017-08-01", "Won", "2017-09-10"), (1, 1, 0)),
        (deal("won too late", "2017-08-01", "Won", "2017-09-11"), (1, 0, 0)),
        (deal("lost in time", "2017-08-01", "Lost", "2017-08-12"), (1, 0, 1)),
        (deal("still open", "2017-08-01"), (1, 0, 0)),
        (deal("closed on the day itself", "2017-08-01", "Won", "2017-08-11"), (0, 0, 0)),
        (deal("closed before it was so old", "2017-08-01", "Won", "2017-08-05"), (0, 0, 0)),
        (deal("its time ends on the as-of date", "2017-10-06", "Won", "2017-11-15"), (1, 1, 0)),
        (deal("its time is not over", "2017-10-07", "Won", "2017-11-10"), (0, 0, 0)),
        (deal("asked", "2017-08-01", "Won", "2017-09-10"), (0, 0, 0)),
        (deal("was never engaged", "NaT", "Prospecting"), (0, 0, 0)),
    ],
)
def test_what_counts(past: list[object], expected: tuple[int, int, int]) -> None:
    answer = found(frame(past))
    assert (answer.of, answer.won, answer.lost) == expected
    assert not answer.same_phase


def test_later_knowledge_is_not_used() -> None:
    # given a deal that was won after the as-of date
    answer = found(frame(deal("late", "2017-08-01", "Won", "2017-12-24")))
    # then it was open, and nothing else is said of it
    assert [(one.stage, one.closed_after_days) for one in answer.deals] == [("Engaging", None)]


def test_the_same_phase_of_the_quarter_is_preferred_where_there_are_enough() -> None:
    # given thirty that were as far from the quarter's end (46 days), and forty that were not
    near = [deal(f"near {n}", "2017-08-06", "Won", "2017-08-20") for n in range(30)]
    far = [deal(f"far {n}", "2017-09-10", "Lost", "2017-09-25") for n in range(40)]
    # then
    answer = found(frame(*near, *far))
    assert (answer.of, answer.won, answer.lost, answer.same_phase) == (30, 30, 0, True)
    # when there is one less, then all count
    answer = found(frame(*near[1:], *far))
    assert (answer.of, answer.won, answer.lost, answer.same_phase) == (69, 29, 40, False)


def test_the_most_similar_come_first_and_are_few() -> None:
    others = [deal(f"B{n}", "2017-08-06", product="B") for n in range(12)]
    answer = found(frame(*others, deal("other phase", "2017-06-01"), deal("same phase", "2017-08-07")))
    assert answer.of == 14
    assert [one.opportunity_id for one in answer.deals][:2] == ["same phase", "other phase"]
    assert len(answer.deals) == 10


def test_nothing_is_found_in_nothing() -> None:
    answer = found(frame())
    assert (answer.of, answer.won, answer.lost, answer.deals) == (0, 0, 0, ())
