"""What happens on or after the as-of date changes no bit of any feature, and one deal's row is its row of the matrix."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast import features
from closecast.deals import stages
from closecast.deals.contract import check
from closecast.deals.snapshots import training_rows
from closecast.deals.stages import HISTORY, Entry
from closecast.features import FeatureBuilder, History
from closecast.features.build import UNKNOWN_STAGES
from tests.unit.features.conftest import END

_STAGE = st.sampled_from(["Won", "Lost", "Engaging"])


def _another_future(text: str | None, as_of: date, random: np.random.Generator) -> str | None:
    """The history with what it said before `as_of`, and something else since."""
    known = [entry for entry in stages.read(text or "[]") if entry.changed < as_of]
    later = [
        Entry(as_of + timedelta(days=int(days)), random.choice(["Demo", "Never heard of"]), date(2030, 1, 1))
        for days in random.integers(0, 90, random.integers(0, 4))
    ]
    return stages.write([*known, *later]) if known or later else None


def seen(deals: pd.DataFrame, as_of: date) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Identifiers and features of the deals open at `as_of`, engaged before it."""
    builder = FeatureBuilder(History(deals, END))
    known = np.flatnonzero((deals["engage_date"] < pd.Timestamp(as_of)).to_numpy())
    rows = training_rows(
        deals.iloc[known].reset_index(drop=True), np.array([as_of], "M8[D]"), (30, "quarter_end"), date(2019, 12, 31)
    )
    deal = known[rows.deal]
    matrix = builder.matrix(builder.history.encode(deals), deal, rows.as_of, rows.horizon_days)
    return deals["opportunity_id"].iloc[deal].tolist(), matrix


@given(st.integers(80, 430), st.integers(0, 2**32 - 1), st.floats(0, 1), _STAGE)
def test_another_future_leaves_every_feature_bit_identical(
    deals_with_histories: pd.DataFrame, day: int, seed: int, kept: float, stage: str
) -> None:
    deals = deals_with_histories
    # given: from the as-of date on, deals are closed otherwise or not at all, newcomers vanish, names and stages change
    as_of = date(2016, 10, 20) + timedelta(days=day)
    moment, random = pd.Timestamp(as_of), np.random.default_rng(seed)
    before = deals["engage_date"] < moment
    other = deals[before | (random.random(len(deals)) < kept)].reset_index(drop=True)
    future = ~(other["close_date"] < moment)
    begun = other["engage_date"].mask(other["engage_date"] < moment, moment)
    later = begun + pd.to_timedelta(random.integers(0, 200, len(other)), unit="D")
    other["deal_stage"] = other["deal_stage"].where(~future, stage)
    closed = other["close_date"]
    other["close_date"] = closed.where(~future) if stage == "Engaging" else closed.where(~future, later)
    other["close_value"] = other["close_value"].where(~future, random.random() * 1e6)
    other[HISTORY] = [_another_future(text, as_of, random) for text in other[HISTORY]]
    newcomers = other["engage_date"] >= moment
    other.loc[newcomers, ["sales_agent", "product", "account"]] = "somebody new"
    # when
    (names, one), (others, two) = seen(deals, as_of), seen(other, as_of)
    # then: of the deals open in both, every bit
    common = sorted(set(names) & set(others))
    first = one[[names.index(name) for name in common]]
    second = two[[others.index(name) for name in common]]
    assert first.tobytes() == second.tobytes()
    assert len(common) > 0 or len(names) == 0 or len(others) == 0


def _row_by_row(builder: FeatureBuilder, deals: pd.DataFrame, as_of: date, horizon: int) -> np.ndarray[Any, Any]:
    """As the API does: from the raw names of one deal."""
    tables, history = builder.tables(as_of), builder.history
    made = np.empty((len(deals), len(features.NAMES)))
    for into, deal in zip(made, deals.to_dict("records"), strict=True):
        names = {**deal, "account": None if pd.isna(deal["account"]) else deal["account"]}
        agent, product, account = (history.code(of, names[of])[0] for of in ("sales_agent", "product", "account"))
        age = (as_of - deal["engage_date"].date()).days
        draw = features.uniform_draw(deal["opportunity_id"]) if names["account"] is None else 0.0
        horizon_tables, history_bytes = tables.horizon_tables((horizon,)), UNKNOWN_STAGES
        if (record := history.stages) is not None and (at := record.position(deal["opportunity_id"])) >= 0:
            history_bytes = tables.stages(record.histories, np.array([at])).tobytes()
        into[:] = np.frombuffer(
            features.rows(tables, age, horizon_tables, agent, product, account, draw, history_bytes)
        )
    return made


@pytest.mark.parametrize("horizon", [1, 30, 92])
@pytest.mark.parametrize("of", ["deals", "deals_with_histories"])
def test_one_deals_row_is_bit_identical_to_its_row_of_the_matrix(
    of: str, horizon: int, request: pytest.FixtureRequest
) -> None:
    # given
    deals = request.getfixturevalue(of)
    builder, as_of = FeatureBuilder(History(deals, END)), date(2017, 9, 13)
    open_then = deals[deals["engage_date"] <= pd.Timestamp(as_of)]
    count = len(open_then)
    # when
    together = builder.matrix(
        builder.history.encode(open_then),
        np.arange(count),
        np.full(count, np.datetime64(as_of)),
        np.full(count, horizon),
    )
    # then
    assert together.tobytes() == _row_by_row(builder, open_then, as_of, horizon).tobytes()


@pytest.mark.parametrize("as_of", [date(2017, 3, 1), date(2017, 6, 30), date(2017, 10, 4), END, date(2018, 6, 1)])
def test_parity_on_every_row_of_the_real_file(real_raw: pd.DataFrame, as_of: date) -> None:
    # given
    accepted = check(real_raw).accepted
    engaged = accepted[accepted["engage_date"] <= pd.Timestamp(as_of)]
    builder = FeatureBuilder(History(accepted, END))
    count = len(engaged)
    # when
    offline = builder.matrix(
        builder.history.encode(engaged), np.arange(count), np.full(count, np.datetime64(as_of)), np.full(count, 30)
    )
    # then
    assert offline.tobytes() == _row_by_row(FeatureBuilder(History(accepted, END)), engaged, as_of, 30).tobytes()


def test_rows_in_any_order_are_the_same_rows(deals_with_histories: pd.DataFrame) -> None:
    # given
    deals = deals_with_histories
    builder = FeatureBuilder(History(deals, END))
    rows = training_rows(deals, np.array(["2017-04-05", "2017-08-02"], "M8[D]"), (7, 30, "quarter_end"), END)
    subjects = builder.history.encode(deals)
    order = np.random.default_rng(0).permutation(len(rows))
    # when
    straight = builder.matrix(subjects, rows.deal, rows.as_of, rows.horizon_days)
    mixed = builder.matrix(subjects, rows.deal[order], rows.as_of[order], rows.horizon_days[order])
    # then
    assert mixed.tobytes() == straight[order].tobytes()
