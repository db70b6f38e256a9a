"""Features of the stage history: each formula worked out by hand, and nothing from the as-of date on."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecast import features
from closecast.deals import stages
from closecast.deals.stages import HISTORY, Entry
from closecast.features import FeatureBuilder, History
from closecast.features.build import STAGES, UNKNOWN_STAGES
from closecast.features.stages import UNKNOWN
from tests.unit.features.conftest import END, ROWS, frame

DEALS = frame(*ROWS, ROWS[-1])


def entry(changed: str, stage: str | None = None, expected: str | None = None) -> Entry:
    return Entry(date.fromisoformat(changed), stage, None if expected is None else date.fromisoformat(expected))


TEXTS = [
    [entry("2017-01-02", "Lead"), entry("2017-01-05", "Demo")],
    [entry("2017-01-02", "Lead"), entry("2017-01-20", "Demo"), entry("2017-02-11", "Offer")],  # the last on its close
    [entry("2017-01-02", "Lead")],
    [entry("2017-05-02", "Lead"), entry("2017-05-03", "Demo")],
    [
        entry("2017-05-01", "Lead", "2017-06-01"),
        entry("2017-05-11", "Demo", "2017-06-05"),
        entry("2017-05-20", "Lead"),
        entry("2017-06-09", "Demo", "2017-07-09"),
        entry("2017-06-10", "Offer", "2017-12-24"),  # on the as-of date
    ],
    None,
    [entry("2017-06-10", "Lead")],
]
TOLD = DEALS.copy()
TOLD[HISTORY] = [None if one is None else stages.write(one) for one in TEXTS]


def values(deals: pd.DataFrame, position: int, as_of: str) -> dict[str, float]:
    builder = FeatureBuilder(History(deals, END))
    made = builder.matrix(
        builder.history.encode(deals), np.array([position]), np.array([as_of], dtype="M8[D]"), np.array([30])
    )
    return dict(zip(features.NAMES, made[0].tolist(), strict=True))


def test_they_are_what_the_formulas_say() -> None:
    # when
    row = values(TOLD, 4, "2017-06-10")
    # then: of the deals closed before, two had been in the stage Demo, one of them won; r = (2 + 1) / (3 + 2)
    assert row["stage_win_rate_before_as_of"] == pytest.approx((1 + 20 * 3 / 5) / 22)
    mean = (10 + 7 + 40 + 22 + 150) / 5  # days from each of the five entries to the close
    assert row["stage_days_to_close_before_as_of"] == pytest.approx((7 + 22 + 20 * mean) / 22)
    assert (row["days_in_stage"], row["stages_entered"], row["moves_back"]) == (1, 4, 1)
    assert (row["days_to_expected_close"], row["days_past_expected_close"], row["expected_close_slips"]) == (29, 0, 2)


def test_an_overdue_deal_says_how_long() -> None:
    row = values(TOLD, 4, "2017-06-09")
    assert (row["days_to_expected_close"], row["days_past_expected_close"], row["expected_close_slips"]) == (0, 4, 1)


def test_a_stage_that_only_this_deal_has_been_in_has_the_record_of_a_new_one() -> None:
    row = values(TOLD, 4, "2017-06-11")
    assert row["stage_win_rate_before_as_of"] == pytest.approx((3 + 1) / (4 + 2))


@pytest.mark.parametrize("deal", [5, 6], ids=["no history", "none before the date"])
def test_what_is_not_known_is_0(deal: int) -> None:
    row = values(TOLD, deal, "2017-06-10")
    assert {row[name] for name in features.NAMES[STAGES]} == {UNKNOWN}


def test_without_histories_the_other_features_are_bit_identical_and_these_constant() -> None:
    # given
    builder, told = FeatureBuilder(History(DEALS, END)), FeatureBuilder(History(TOLD, END))
    asked: tuple[Any, ...] = (np.arange(4, 7), np.full(3, np.datetime64("2017-06-10")), np.full(3, 30))
    # when
    without, with_them = (
        one.matrix(one.history.encode(deals), *asked) for one, deals in ((builder, DEALS), (told, TOLD))
    )
    # then
    assert builder.history.stages is None
    assert without[:, : STAGES.start].tobytes() == with_them[:, : STAGES.start].tobytes()
    assert without[:, STAGES].tobytes() == UNKNOWN_STAGES * 3


def test_the_order_of_rows_in_the_file_changes_nothing() -> None:
    # given
    turned = TOLD.iloc[::-1].reset_index(drop=True)
    one, other = (FeatureBuilder(History(made, END)) for made in (TOLD, turned))
    days, horizons = np.full(3, np.datetime64("2017-07-01")), np.full(3, 30)
    # when
    straight = one.matrix(one.history.encode(TOLD), np.array([4, 5, 6]), days, horizons)
    backwards = other.matrix(other.history.encode(turned), np.array([2, 1, 0]), days, horizons)
    # then
    assert straight.tobytes() == backwards.tobytes()


def test_histories_of_some_deals_are_theirs() -> None:
    # given
    record = History(TOLD, END).stages
    assert record is not None
    day = int(np.datetime64("2017-06-20").astype(int))
    # when
    taken = record.histories.take(np.array([4, -1, 0]))
    changed = taken.replaced(np.array([1]), record.histories.take(np.array([6])))
    # then
    assert taken.before(np.arange(3), day).stages_entered().tolist() == [5, UNKNOWN, 2]
    assert changed.before(np.arange(3), day).stages_entered().tolist() == [5, 1, 2]
    assert record.position("D004") == 4
    assert record.position("D005") == record.position(None) == record.position("nobody") == -1


def test_a_text_that_is_no_history_is_refused() -> None:
    with pytest.raises(ValueError, match="is no stage history"):
        History(DEALS.assign(**{HISTORY: "[1]"}), END)
