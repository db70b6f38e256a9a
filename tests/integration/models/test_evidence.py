"""What an export lacks is the first thing that is said of the model it gives."""

from datetime import date, timedelta

import pandas as pd

from closecast.models import candidate
from closecast.models.evidence import Export
from closecast.models.hyperparameters import PRESETS
from closecast.models.promotion import Cost, Decision, decide

CHEAP = Cost(0.5, 50_000)


def decided(deals: pd.DataFrame) -> Decision:
    made = candidate.build(deals, 7, 1, PRESETS[0])
    return decide(made.held_out, CHEAP, "there is no champion yet", export=Export.of(made.data))


def failed(decision: Decision) -> list[str]:
    return [check.name for check in decision.checks if not check.passed]


def test_an_export_without_lost_deals_is_told_so_before_all_else(deals: pd.DataFrame) -> None:
    decision = decided(deals[deals["deal_stage"] != "Lost"].reset_index(drop=True))
    assert not decision.promoted
    assert decision.reasons[0].startswith(
        "none of the 1,146 closed deals is Lost: a model would take every close for a win"
    )


def test_an_export_of_closed_deals_alone_is_told_so_before_all_else(deals: pd.DataFrame) -> None:
    # given closed deals, and one that is still open
    open_one = deals[(deals["deal_stage"] == "Engaging")].tail(1)
    closed = pd.concat([deals[deals["close_date"].notna()], open_one])
    # when
    decision = decided(closed.reset_index(drop=True))
    # then
    assert not decision.promoted
    assert "deals are open at the end of the data, 2017-12-31, where" in decision.reasons[0]
    assert "export the open deals (Engaging) too" in decision.reasons[0]


def late_closes(deals: pd.DataFrame, count: int, days: int) -> pd.DataFrame:
    """`deals` and `count` more, won so many days after all others: as if as_of had vouched for them."""
    last = deals["close_date"].max() + timedelta(days)
    won = deals[deals["deal_stage"] == "Won"].tail(count)
    more = won.assign(opportunity_id=[f"X{at}" for at in range(len(won))], close_date=last)
    return pd.concat([deals, more], ignore_index=True)


def test_held_out_deals_that_had_no_time_to_close_are_refused_with_the_dates(deals: pd.DataFrame) -> None:
    # when
    made = candidate.build(late_closes(deals, 2, 200), 7, 1, PRESETS[0], date(2017, 9, 1))
    decision = decide(made.held_out, CHEAP, None)
    # then
    assert failed(decision)[0] == "time to close, 30_days"
    assert "no deal closes between 2017-12-31 and 2018-07-19" in decision.reasons[0]
