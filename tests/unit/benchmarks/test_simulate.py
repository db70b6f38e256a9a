"""The simulated year: what its CRM shows, and how losses are measured and judged."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from benchmarks import simulate_page, simulate_scores
from benchmarks.simulate_page import Result
from benchmarks.simulate_platform import Look
from benchmarks.simulate_world import START, Span, World, make

_SPAN = Span(12)


@pytest.fixture(scope="module")
def world() -> World:
    return make(_SPAN, 1)


def test_the_drift_is_in_the_middle() -> None:
    assert _SPAN.days[0] == START
    assert abs((_SPAN.drift - START) - (_SPAN.end - _SPAN.drift)) < timedelta(days=7)


def test_an_export_shows_nothing_of_later_days(world: World) -> None:
    shown = world.export(_SPAN.drift)
    assert shown[["engage_date", "close_date"]].max().max() <= _SPAN.drift.isoformat()
    assert ((shown["close_date"] == "") == (shown["deal_stage"] == "Engaging")).all()


def test_late_outcomes_are_shown_in_the_end_and_some_are_told_before(world: World) -> None:
    # given the deals that had closed by a day
    day = np.datetime64(_SPAN.drift, "D")
    shown = world.export(_SPAN.drift).set_index("opportunity_id")["deal_stage"]
    closed = world.raw["opportunity_id"][world.closed_on <= day]
    # when the CRM shows them as open
    hidden = closed[(shown[closed] == "Engaging").to_numpy()]
    # then
    assert 0 < len(hidden) < 0.05 * len(closed)
    assert (world.export(_SPAN.end).set_index("opportunity_id")["deal_stage"][hidden] != "Engaging").all()
    told = world.told(_SPAN.drift - timedelta(days=60), _SPAN.drift)["opportunity_id"]
    assert set(told) & set(hidden)
    assert set(told) <= set(closed)


def test_a_deal_that_has_closed_unseen_has_no_chance_that_could_be_compared(world: World) -> None:
    shown = world.export(_SPAN.drift)
    asked = shown[shown["deal_stage"] == "Engaging"]["opportunity_id"]
    chances = world.chances(pd.Index(asked), _SPAN.drift)
    closed = world.raw.set_index("opportunity_id")["close_date"][asked]
    has_closed = ((closed != "") & (closed <= _SPAN.drift.isoformat())).to_numpy()
    assert has_closed.any()
    assert np.array_equal(np.isnan(chances), has_closed)


def test_the_true_chance_has_no_excess_and_every_other_has() -> None:
    chance = np.array([0.1, 0.5, 0.9])
    assert simulate_scores.excess(chance, chance) == pytest.approx(0)
    assert (simulate_scores.excess(chance, chance + 0.05) > 0).all()


def _result(new_excess: float = 0.006, pages: tuple[date, ...] = ()) -> Result:
    """A year in which version 1 lost 0.002 before the drift and 0.022 after it, and version 2 followed."""
    days = [day for day in _SPAN.days for _ in range(2)]
    promoted, proved = date(2017, 8, 1), date(2017, 6, 20)
    is_after = np.array([day >= _SPAN.drift for day in days])
    old = np.where(is_after, 0.022, 0.002)
    served = np.where([day >= promoted for day in days], new_excess, old)
    table = pd.DataFrame({"as_of": days, "chance": 0.2, "excess": served, "excess 1": old, "excess 2": new_excess})
    retraining = {
        "number": 1,
        "state": "done",
        "requested_at": datetime(2017, 6, 20),
        "reason": "harm",
        "result": {"version": "2", "promoted": False, "in_shadow": True, "reasons": ["it is good"]},
    }
    return Result(
        span=_SPAN,
        table=table,
        versions=["1", "2"],
        served={day: "2" if day >= promoted else "1" for day in _SPAN.days},
        looks=[
            Look(day, "harmful, proved" if proved <= day < promoted else "steady", ("why",), "1", ())
            for day in _SPAN.days
        ],
        pages=[(day, "harmful_proved", "harm") for day in pages],
        notes=[],
        retrainings=[retraining],
        changes=[("promotion", "2", "better")],
        asked=len(table),
        told=3,
        late=9,
    )


def test_what_is_recovered_is_a_share_of_what_the_former_champion_would_go_on_losing() -> None:
    assert _result().recovery.share == pytest.approx(0.8)
    assert _result().is_met


@pytest.mark.parametrize(
    ("result", "missed"),
    [
        (_result(new_excess=0.01), "at least 70% of the lost log loss is recovered"),
        (_result(pages=(date(2017, 2, 1),)), "no page before the drift"),
        (_result(pages=(date(2017, 7, 1), date(2017, 7, 3), date(2017, 7, 7))), "at most 2 pages a week"),
    ],
)
def test_a_criterion_that_is_missed_is_said(result: Result, missed: str) -> None:
    assert [name for name, _, met in result.criteria() if not met] == [missed]
    assert f"| {missed} |" in simulate_page.page(result, {"months": 12, "seed": 1, "every": 7}, 60.0)
