"""The search: it starts from the default setting, stops at its number of trials, and gives up what is hopeless."""

from datetime import date

import optuna
import pandas as pd
import pytest

from closecast.models import tuning
from closecast.models.hyperparameters import RANGES, Hyperparameters
from closecast.models.training import Data, NotEnoughDataError


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_a_search_never_ends_below_the_default_setting(deals: pd.DataFrame) -> None:
    # given
    data = Data(deals)
    study = tuning.create("small", None, seed=1)
    # when
    tuning.work(study, tuning.Objective(data, data.plan.cut, seed=7, threads=1), trials=4)
    # then
    first = study.trials[0]
    assert {name: first.params[name] for name in RANGES} == pytest.approx(Hyperparameters().as_dict())
    assert tuning.finished(study) == 4
    assert study.best_value <= first.value
    assert tuning.best(study).as_dict().keys() == RANGES.keys()
    assert study.best_trial.user_attrs["rounds"] >= 1
    # and a study that has enough takes no more
    tuning.work(study, lambda _trial: pytest.fail("no trial is wanted"), trials=4)


def test_a_study_of_other_hyperparameters_is_not_gone_on_with() -> None:
    # given
    storage = optuna.storages.InMemoryStorage()
    tuning.create("old", storage, seed=1)
    one = optuna.distributions.FloatDistribution(0, 1)
    made = optuna.trial.create_trial(value=0.1, params={"depth": 0.5}, distributions={"depth": one})
    optuna.load_study(study_name="old", storage=storage).add_trial(made)
    # when / then
    with pytest.raises(
        ValueError, match=r"the study old and this version differ in hyperparameters .*clock_weight, depth"
    ):
        tuning.create("old", storage, seed=1)


def test_a_trial_worse_than_the_median_is_given_up(deals: pd.DataFrame) -> None:
    # given five trials that did well
    data = Data(deals)
    objective = tuning.Objective(data, data.plan.cut, seed=7, threads=1)
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=5))
    for _ in range(5):
        made = optuna.trial.create_trial(value=0.0, intermediate_values={0: 0.0, 1: 0.0, 2: 0.0})
        study.add_trial(made)
    # when
    study.optimize(objective, n_trials=1)
    # then it is after the first fold
    assert study.trials[-1].state == optuna.trial.TrialState.PRUNED
    assert len(study.trials[-1].intermediate_values) == 1


def test_without_a_fold_there_is_nothing_to_search_by(deals: pd.DataFrame) -> None:
    with pytest.raises(NotEnoughDataError, match="hold no forward fold to judge a trial by"):
        tuning.Objective(Data(deals), date(2016, 12, 1), seed=7, threads=1)
