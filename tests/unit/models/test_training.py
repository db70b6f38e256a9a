"""Training and evaluation: the plan in time, honest figures on the real file, and clear refusals."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.synthetic.generator import generate
from closecast.models import candidate, data, evaluation, forward
from closecast.models.card import ModelCard
from closecast.models.data import NotEnoughDataError, Plan, plan
from closecast.models.deal_model import DealModel
from closecast.models.hyperparameters import Hyperparameters
from closecast.models.promotion import Decision
from closecast.platform.mlflow.run_artifacts import model_card

AT = datetime(2018, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "end", "cut"),
    [
        (date(2017, 3, 1), date(2017, 12, 31), date(2017, 9, 1)),
        (date(2016, 11, 7), date(2017, 12, 31), date(2017, 7, 1)),
        (date(2016, 1, 15), date(2016, 3, 15), date(2016, 3, 1)),
    ],
)
def test_the_plan_cuts_at_the_month_nearest_to_sixty_percent(first: date, end: date, cut: date) -> None:
    # given
    dates = pd.to_datetime(pd.Series([first, end]))
    export = pd.DataFrame({"engage_date": [pd.Timestamp(2016, 1, 1), pd.NaT], "close_date": dates})
    # when
    split = plan(export)
    # then
    assert split == Plan(first, cut, end)


def test_a_cut_may_be_named_and_must_lie_within(deals: pd.DataFrame) -> None:
    assert plan(deals, date(2017, 8, 1)).cut == date(2017, 8, 1)
    with pytest.raises(NotEnoughDataError, match="the cut 2019-01-01 is not between the first close on"):
        plan(deals, date(2019, 1, 1))


def test_nothing_learnt_reaches_the_cut_and_nothing_measured_precedes_it(built: candidate.Candidate) -> None:
    cut = np.datetime64(built.plan.cut)
    assert built.data.learnable(built.plan.cut).window_ends().max() < cut
    for split in built.splits:
        assert split.train.rows.window_ends().max() < cut
        assert split.test.rows.as_of.min() >= cut
        assert split.test.rows.window_ends().max() <= np.datetime64(built.plan.end)


def test_folds_go_forward_with_an_embargo_of_the_horizon(built: candidate.Candidate) -> None:
    # given
    rows = built.data.learnable(built.plan.cut)
    # when
    folds = forward.forward_folds(rows, built.plan.cut)
    # then
    assert len(folds) == 3
    for fold in folds:
        assert rows.window_ends()[fold.train].max() < rows.as_of[fold.validation].min()
    assert len(np.unique(np.concatenate([fold.validation for fold in folds]))) == sum(
        len(fold.validation) for fold in folds
    )


def test_the_synthetic_candidate_beats_the_base_rate_at_both_targets(built: candidate.Candidate) -> None:
    ours, theirs = built.metrics(), built.references()
    for target in evaluation.TARGETS:
        assert ours[f"log_loss_{target}"] < theirs[f"base_rate_log_loss_{target}"]
        assert theirs[f"base_rate_auc_{target}"] == 0.5
    assert built.rows["fit"] < built.rows["refit"]


def test_a_large_export_is_learnt_from_a_sample_of_its_deals(
    built: candidate.Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    every = built.data.learnable()
    monkeypatch.setattr(data, "MAX_TRAINING_ROWS", len(every) // 4)
    # when
    some = built.data.learnable()
    # then: about a quarter of the deals, each with all of its rows
    assert len(some) == pytest.approx(len(every) / 4, rel=0.2)
    chosen = set(some.deal.tolist())
    assert len(some) == sum(deal in chosen for deal in every.deal.tolist())


def test_a_large_export_is_measured_on_a_sample_of_its_deals_and_says_so(
    built: candidate.Candidate, card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    every = {split.target: split for split in built.splits}
    monkeypatch.setattr(evaluation, "MAX_ROWS", min(len(split.train.rows) for split in built.splits) // 2)
    # when
    splits = evaluation.splits(built.data)
    found = evaluation.held_out(built.data, splits, built.twin.predict, 7, 1)
    some = replace(built, splits=splits, held_out=found)
    report = some.report()
    # then each part has about as many rows, of some of the deals and with all of theirs
    for split in splits:
        for part, whole in ((split.train, every[split.target].train), (split.test, every[split.target].test)):
            assert len(part.rows) == pytest.approx(evaluation.MAX_ROWS, rel=0.25)
            assert len(part.rows) == np.isin(whole.rows.deal, part.rows.deal).sum()
            assert (whole.rows.deals(), whole.rows.deals_in_all) == (part.rows.deals_in_all,) * 2
        measured, in_all = split.test.rows.deals(), split.test.rows.deals_in_all
        sentence = f"measured on {measured:,} of {in_all:,} deals, drawn evenly"
        assert evaluation.measured_on(report["targets"][split.target]) == sentence
        assert some.references()[f"deals_test_{split.target}"] == measured < in_all
        # and the figures are those of all deals, but for chance
        ours, theirs = (made.metrics()[f"log_loss_{split.target}"] for made in (some, built))
        assert ours == pytest.approx(theirs, rel=0.15)
        told = model_card(DealModel(built.scorer, card, built.data.deals), report, Decision(True, ()), "a test", AT)
        assert f"{sentence.capitalize()}: all of them would have been too many rows." in told
    assert all(row["rows"] <= 1.25 * evaluation.MAX_ROWS for row in report["horizons"].values())


def test_the_report_has_every_figure_asked_for(built: candidate.Candidate) -> None:
    # when
    report = built.report()
    # then
    for target in evaluation.TARGETS:
        found = report["targets"][target]
        assert list(found["ladder"]["all"]["rungs"]) == [
            "base_rate",
            "age_table",
            "logistic",
            "age_calendar",
            "lightgbm_default",
            "candidate",
        ]
        for population in ("all", "live"):
            for measures in found["ladder"][population]["rungs"].values():
                assert set(measures) == {"log_loss", "brier", "brier_skill", "auc", "average_precision", "ece"}
        assert found["ladder"]["live"]["rows"] < found["ladder"]["all"]["rows"] == found["rows_test"]
        assert set(found["slices"]) == {"phase of the quarter", "product", "deal age", "agent", "open deals"}
        assert sum(one["rows"] for one in found["slices"]["product"].values()) == found["rows_test"]
        assert len(found["reliability"]) == 10
        assert evaluation.measured_on(found) is None  # of all deals
    assert set(report["horizons"]) == {"7", "14", "30", "60", "90", "quarter_end"}
    for row in report["forecast"]:
        assert row["expected_candidate"] > 0


@pytest.mark.parametrize(
    ("values", "message"),
    [({"num_leaves": 2}, "num_leaves is 2; expected 4 to 63"), ({"depth": 3}, "unknown hyperparameters depth")],
)
def test_settings_out_of_range_are_refused(values: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Hyperparameters.of(values)


def test_too_few_deals_are_refused_with_the_counts() -> None:
    # given
    few = check(generate(40, seed=7)).accepted
    # when / then
    with pytest.raises(NotEnoughDataError, match=r"30_days train: \d+ rows, \d+ won.*each needs 200 rows or more"):
        candidate.build(few, seed=7, threads=1)


def test_an_export_without_a_closed_deal_is_refused(deals: pd.DataFrame) -> None:
    with pytest.raises(NotEnoughDataError, match=r"none of the \d+ deals is closed"):
        plan(deals[deals["close_date"].isna()])


def test_an_export_of_a_few_days_is_refused(deals: pd.DataFrame) -> None:
    # given
    last = deals[deals["close_date"] >= "2017-12-20"]
    # when / then
    with pytest.raises(NotEnoughDataError, match="needed are 28 or more"):
        plan(last)
