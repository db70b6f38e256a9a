"""The search: it starts from the default setting, stops at its number of trials, and gives up what is hopeless."""

from dataclasses import replace
from datetime import date

import optuna
import pandas as pd
import pytest

from closecast.models import tuning
from closecast.models.data import Data, NotEnoughDataError
from closecast.models.hyperparameters import RANGES, Hyperparameters

SCOPE = tuning.Scope("silver/a.parquet", date(2017, 8, 1), source="deals.csv")


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_a_search_never_ends_below_the_default_setting(deals: pd.DataFrame) -> None:
    # given
    data = Data(deals)
    study = tuning.create("small", None, 1, SCOPE)
    # when
    tuning.work(study, tuning.Objective(data, data.plan.cut, seed=7, threads=1), trials=4)
    # then
    first = study.trials[0]
    assert {name: first.params[name] for name in RANGES} == pytest.approx(Hyperparameters().as_dict())
    assert tuning.finished(study) == 4
    assert first.value is not None
    assert study.best_value <= first.value
    assert tuning.best(study).as_dict().keys() == RANGES.keys()
    assert study.best_trial.user_attrs["rounds"] >= 1
    # and a study that has enough takes no more
    tuning.work(study, lambda _trial: pytest.fail("no trial is wanted"), trials=4)


def _study(name: str, scope: tuning.Scope, storage: optuna.storages.BaseStorage) -> optuna.Study:
    study = tuning.create(name, storage, 1, scope)
    study.tell(study.ask(), 0.3)
    return study


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            replace(SCOPE, data="silver/b.parquet", source="other.csv"),
            "the data are a (deals.csv) there, b (other.csv) here",
        ),
        (replace(SCOPE, cut=date(2017, 9, 1)), "the cut is 2017-08-01 there, 2017-09-01 here"),
        (replace(SCOPE, features=(*SCOPE.features[1:], "mood")), f"features are {SCOPE.features[0]} there, mood here"),
        (
            replace(SCOPE, ranges={**RANGES, "num_leaves": (4, 31)}),
            "ranges are num_leaves 4 to 63 there, num_leaves 4 to 31 here",
        ),
        (replace(SCOPE, ranges={"depth": (1, 2)}), "depth 1 to 2 here"),
    ],
)
def test_a_study_of_another_search_is_refused_by_name(other: tuning.Scope, words: str) -> None:
    # given
    storage = optuna.storages.InMemoryStorage()
    _study("weekly", SCOPE, storage)
    # when
    with pytest.raises(tuning.StudyError) as refused:
        tuning.create("weekly", storage, 1, other)
    # then
    assert str(refused.value).startswith("the study weekly is of another search: ")
    assert words in str(refused.value)
    assert "leave study=… out, or name another" in str(refused.value)
    assert other.digest() != SCOPE.digest()


def test_a_study_goes_on_with_the_same_search_whatever_its_file_is_called_now() -> None:
    # given
    storage = optuna.storages.InMemoryStorage()
    _study("weekly", SCOPE, storage)
    # when
    same = replace(SCOPE, source="renamed.csv")
    study = tuning.create("weekly", storage, 9, same)
    # then
    assert tuning.finished(study) == 1
    assert same.digest() == SCOPE.digest()


def test_a_study_that_does_not_say_what_it_ran_on_is_refused_once_it_has_trials() -> None:
    # given studies of an earlier version
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(study_name="begun", storage=storage).add_trial(optuna.trial.create_trial(value=0.1))
    optuna.create_study(study_name="empty", storage=storage)
    # when / then
    with pytest.raises(tuning.StudyError, match="the study begun holds trials of an earlier version"):
        tuning.create("begun", storage, 1, SCOPE)
    tuning.create("empty", storage, 1, SCOPE)
    with pytest.raises(tuning.StudyError):
        tuning.create("empty", storage, 1, replace(SCOPE, data="silver/b.parquet"))


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
    with pytest.raises(NotEnoughDataError, match="hold no forward fold to validate a trial on"):
        tuning.Objective(Data(deals), date(2016, 12, 1), seed=7, threads=1)
