"""Training and evaluation: the plan in time, honest figures on the real file, and clear refusals."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.synthetic import generate
from closecast.models import candidate, evaluation, training
from closecast.models.training import NotEnoughDataError


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
    plan = training.plan(export)
    # then
    assert plan == training.Plan(first, cut, end)


def test_nothing_learnt_reaches_the_cut_and_nothing_measured_precedes_it(built: candidate.Candidate) -> None:
    cut = np.datetime64(built.plan.cut)
    for split in built.held_out:
        assert split.train.window_ends().max() < cut
        assert split.test.as_of.min() >= cut
        assert split.test.window_ends().max() <= np.datetime64(built.plan.end)


def test_the_synthetic_candidate_beats_the_base_rate_at_both_targets(built: candidate.Candidate) -> None:
    for target in evaluation.TARGETS:
        assert built.metrics[f"log_loss_{target}"] < built.references[f"base_rate_log_loss_{target}"]
        assert built.references[f"base_rate_auc_{target}"] == 0.5
    assert built.rows["fit"] < built.rows["refit"]


def test_the_same_rows_and_seed_give_the_same_booster(deals: pd.DataFrame, built: candidate.Candidate) -> None:
    # when
    again = candidate.build(deals, seed=7, threads=1)
    # then
    assert again.booster.model_to_string() == built.booster.model_to_string()
    assert again.metrics == built.metrics


def test_no_trees_leaf_lowers_the_probability_with_the_horizon(built: candidate.Candidate) -> None:
    assert "monotone_constraints: 0,0,0,0,1" in built.booster.model_to_string()


def test_the_published_figures_on_the_real_file(real_raw: pd.DataFrame) -> None:
    # when
    real = candidate.build(check(real_raw).accepted, seed=7, threads=2)
    # then: cut, base rates and row counts are those of shared/data/README.md; the log loss is no worse than its reference
    assert (real.plan.first, real.plan.cut, real.plan.end) == (date(2017, 3, 1), date(2017, 9, 1), date(2017, 12, 31))
    assert real.references["base_rate_log_loss_30_days"] == pytest.approx(0.3568, abs=1e-4)
    assert real.references["base_rate_log_loss_quarter_end"] == pytest.approx(0.5079, abs=1e-4)
    assert real.references["rows_train_30_days"] == 34_223
    assert real.references["rows_test_quarter_end"] == 37_184
    assert real.metrics["log_loss_30_days"] < 0.2895
    assert real.metrics["log_loss_quarter_end"] < 0.3784
    # An honest model on these features cannot be much better: that would be a leak.
    assert real.metrics["auc_30_days"] < 0.82
    assert real.metrics["auc_quarter_end"] < 0.85


def test_too_few_deals_are_refused_with_the_counts() -> None:
    # given
    few = check(generate(40, seed=7)).accepted
    # when / then
    with pytest.raises(NotEnoughDataError, match=r"30_days train: \d+ rows, \d+ won.*each needs 200 rows or more"):
        candidate.build(few, seed=7, threads=1)


def test_an_export_without_a_closed_deal_is_refused(deals: pd.DataFrame) -> None:
    with pytest.raises(NotEnoughDataError, match=r"none of the \d+ deals is closed"):
        training.plan(deals[deals["close_date"].isna()])


def test_an_export_of_a_few_days_is_refused(deals: pd.DataFrame) -> None:
    # given
    last = deals[deals["close_date"] >= "2017-12-20"]
    # when / then
    with pytest.raises(NotEnoughDataError, match="needed are 28 or more"):
        training.plan(last)
