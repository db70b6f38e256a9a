"""Drift: found when it is there, and not for the season, for chance, or for input that cannot be compared."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.synthetic.generator import Settings, generate_with_truth
from closecast.features import NAMES, FeatureBuilder, History
from closecast.monitoring import rows as watched
from closecast.monitoring.drift import Look, State, look
from closecast.monitoring.profile import Profile
from closecast.monitoring.sketch import Chunk
from tests.unit.monitoring.conftest import NUMBERS, made

_NAMES = (*NUMBERS, "product")
_REFERENCE = made("2017-01-01", 360, season=1.0)
_PROFILE = Profile.of(_REFERENCE, NUMBERS, horizons=(0,))


def _states(found: Look) -> dict[str, State]:
    return {column.name: column.state for column in found.columns}


def _look(window: Chunk, profile: Profile = _PROFILE) -> Look:
    return look(profile, window.parts(1_000), _NAMES)


def test_the_end_of_a_quarter_is_no_drift() -> None:
    # given rows of a quarter's last month, in which the amount is always higher
    found = _look(made("2018-03-01", 28, seed=1, season=1.0))
    # then
    amount = found.columns[0]
    assert amount.plain_drift  # the rule that knows no season
    assert found.state is State.STABLE
    assert found.pages == ()


@pytest.mark.parametrize("first", ["2018-01-01", "2018-02-10", "2018-03-20", "2018-04-01"])
def test_planted_drift_is_found_at_any_date(first: str) -> None:
    found = _look(made(first, 14, seed=2, season=1.0, shift=0.5))
    assert found.pages == ("amount",)
    assert found.state is State.DRIFT
    assert found.detail == "amount: drift"


def test_the_season_that_fails_to_come_is_drift() -> None:
    assert _look(made("2018-03-05", 21, seed=3, season=0.0)).pages == ("amount",)


def test_looks_at_data_without_drift_do_not_page() -> None:
    pages = [_look(made("2018-01-01", 90, a_day=6, seed=seed, season=1.0)).pages for seed in range(60)]
    assert pages == [()] * 60


def test_more_looks_a_year_ask_for_more_evidence() -> None:
    window = made("2018-01-01", 7, a_day=10, seed=5, season=1.0)
    often, seldom = (look(_PROFILE, [window], _NAMES, times).columns[0].threshold for times in (100_000, 1))
    assert often > seldom


def test_a_category_that_the_reference_lacks_is_drift() -> None:
    window = made("2018-01-01", 28, season=1.0)
    window = replace(window, names={"product": np.full(len(window), "GTX 9000", dtype=object)})
    found = _look(window)
    assert found.pages == ("product",)
    assert found.columns[2].unseen == 1.0


@pytest.mark.parametrize(
    ("share", "state"), [(0.0, State.STABLE), (0.5, State.MISSING_VALUES), (1.0, State.ALL_MISSING)]
)
@pytest.mark.parametrize("gap", [np.nan, np.inf, -np.inf])
def test_missing_values_have_a_state_of_their_own(share: float, state: State, gap: float) -> None:
    window = made("2018-01-01", 28, seed=6, season=1.0)
    numbers = window.numbers.copy()
    numbers[: int(share * len(numbers)), 0] = gap
    found = _look(replace(window, numbers=numbers))
    assert _states(found) == {"amount": state, "kind": State.STABLE, "product": State.STABLE}
    assert found.columns[0].missing == pytest.approx(share, abs=0.01)


def _cut_short() -> Profile:
    return Profile.of(
        _REFERENCE.between(np.datetime64("2017-01-01"), np.datetime64("2017-02-15")), NUMBERS, horizons=(0,)
    )


_WINDOW = made("2018-01-01", 28, seed=7, season=1.0)


@pytest.mark.parametrize(
    ("profile", "window", "state", "words"),
    [
        (_PROFILE, _WINDOW[slice(0, 0)], State.EMPTY, "no rows"),
        (_PROFILE, _WINDOW[slice(0, 1)], State.TOO_FEW, "1 deals that can be compared"),
        (_PROFILE, replace(_WINDOW, live=np.zeros(len(_WINDOW), dtype=np.bool_)), State.TOO_FEW, "0 deals"),
        (_PROFILE, replace(_WINDOW, horizon_days=np.full(len(_WINDOW), 45)), State.TOO_FEW, "0 deals"),
        (_cut_short(), made("2018-03-01", 28), State.NO_REFERENCE, "0% of the rows"),
        (_PROFILE, replace(_WINDOW, numbers=_WINDOW.numbers[:, :1]), State.OTHER_COLUMNS, "other features"),
        (_PROFILE, replace(_WINDOW, names={}), State.OTHER_COLUMNS, "other features"),
    ],
)
def test_what_cannot_be_compared_is_told_and_does_not_page(
    profile: Profile, window: Chunk, state: State, words: str
) -> None:
    found = _look(window, profile)
    assert found.state is state
    assert words in found.detail
    assert found.pages == ()


def test_a_window_of_other_columns_is_told_by_name() -> None:
    found = look(_PROFILE, [_WINDOW], ("amount", "sort", "product"))
    assert found.state is State.OTHER_COLUMNS
    assert "kind, sort" in found.detail


def test_a_reference_of_a_few_weeks_cannot_tell_drift_from_the_season() -> None:
    found = _look(made("2018-01-01", 28, shift=3.0), _cut_short())
    assert found.state is State.NO_MOVEMENT
    assert "0 weeks of the reference" in found.detail
    assert set(_states(found).values()) == {State.NO_MOVEMENT}


def test_a_window_is_read_one_chunk_at_a_time() -> None:
    # given chunks that may be alive one at a time
    alive: list[int] = []

    def chunks() -> Iterator[Chunk]:
        for number in range(5):
            alive.append(number)
            yield made("2018-01-01", 28, seed=number, season=1.0)

    # when
    found = look(_PROFILE, chunks(), _NAMES)
    # then
    assert alive == [0, 1, 2, 3, 4]
    assert found.rows == 5 * 28 * 60
    assert found.deals == pytest.approx(found.rows, rel=0.01)


@pytest.fixture(scope="module")
def deals() -> pd.DataFrame:
    settings = Settings(rows=4_000, first_engaged=date(2016, 6, 1), last_day=date(2018, 6, 30))
    made_up = check(generate_with_truth(settings, 4)[0]).accepted
    return made_up[made_up["engage_date"].notna()].reset_index(drop=True)


def _open(deals: pd.DataFrame, days: list[str]) -> Chunk:
    builder = FeatureBuilder(History(deals, date(2018, 6, 30)))
    engaged, closed = (deals[name].to_numpy("M8[D]") for name in ("engage_date", "close_date"))
    moments = [np.datetime64(day) for day in days]
    parts = [np.flatnonzero((engaged <= day) & ~(closed <= day)) for day in moments]
    deal = np.concatenate(parts)
    as_of = np.repeat(np.array(moments), [len(part) for part in parts])
    horizons = np.full(len(deal), 30)
    matrix = builder.matrix(builder.history.encode(deals), deal, as_of, horizons)
    chance = matrix[:, NAMES.index("win_chance_in_horizon_before_as_of")]
    return watched.scored(matrix, chance, as_of, horizons, deal)


def test_scored_deals_do_not_page_while_the_pile_of_dead_deals_grows(deals: pd.DataFrame) -> None:
    # given a model that learnt from a year, and what it sees half a year later
    weeks = [str(day) for day in np.arange(np.datetime64("2016-10-03"), np.datetime64("2017-12-25"), 7)]
    profile = watched.scored_profile(_open(deals, weeks), deals)
    # when
    window = _open(deals, ["2018-05-14"])
    found = look(profile, [window], watched.SCORED)
    # then
    age = found.columns[watched.SCORED.index("deal_age_days")]
    assert age.plain_drift
    assert age.state is State.NOT_JUDGED
    assert found.past_longest_cycle > 0.3
    assert found.pages == ()
    # and a score that is no longer the model's is found
    broken = window.numbers.copy()
    score = watched.SCORED.index("score")
    broken[:, score] = broken[:, score] / 2 + 0.4
    assert look(profile, [replace(window, numbers=broken)], watched.SCORED).pages == ("score",)


def test_closed_and_new_deals_are_watched_one_row_each(deals: pd.DataFrame) -> None:
    # given
    cut, end = np.datetime64("2017-12-31"), np.datetime64("2018-04-01")
    closed, new = watched.closed(deals), watched.engaged(deals)
    profiles = (
        watched.closed_profile(closed.between(np.datetime64("2016-01-01"), cut)),
        watched.engaged_profile(new.between(np.datetime64("2016-01-01"), cut)),
    )
    # then
    assert len(closed) == deals["close_date"].notna().sum()
    assert len(new) == len(deals)
    for profile, every in zip(profiles, (closed, new), strict=True):
        window = every.between(cut, end)
        assert look(profile, [window], profile.layout.names).state is State.STABLE
    # and lost wins are found
    window = closed.between(cut, end)
    lost = np.column_stack([window.numbers[:, 0], np.zeros(len(window))])
    assert look(profiles[0], [replace(window, numbers=lost)], profiles[0].layout.names).pages == ("won",)
    assert not any("Ada" in str(column) for profile in profiles for column in profile.layout.columns)
