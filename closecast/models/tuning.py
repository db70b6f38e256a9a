"""The search for hyperparameters: what a trial draws, what it is judged by, and when it is given up."""

from collections.abc import Callable
from datetime import date

import numpy as np
import optuna

from closecast.models.hyperparameters import PRESETS, RANGES, Hyperparameters
from closecast.models.training import Data, NotEnoughDataError, fold_curve, forward_folds

_LOGARITHMIC = ("learning_rate", "min_data_in_leaf", "lambda_l2", "clock_weight", "calendar_weight", "entity_weight")
_WHOLE = ("num_leaves", "min_data_in_leaf")
_STARTUP_TRIALS = 5  # what a median is taken of before any trial is given up


class Objective:
    """Log loss on later rows, by forward-chaining folds with an embargo of the horizon, at the best number of rounds."""

    def __init__(self, data: Data, before: date, seed: int, threads: int) -> None:
        """Nothing known from `before` on is looked at. Raises NotEnoughDataError when there is no fold to judge by."""
        self._rows = data.learnable(before)
        self._folds = forward_folds(self._rows, before)
        if not self._folds:
            raise NotEnoughDataError(
                f"the {len(self._rows)} rows known before {before} hold no forward fold to judge a trial by; tune on a "
                "longer export, or train with the default settings"
            )
        self._matrix = data.matrix(self._rows)
        self._seed, self._threads = seed, threads

    def __call__(self, trial: optuna.Trial) -> float:
        """The trial's log loss. Raises optuna.TrialPruned when the folds so far are worse than the median's."""
        settings = suggest(trial)
        curves, sizes = [], []
        for step, fold in enumerate(self._folds):
            _, curve = fold_curve(self._matrix, self._rows.won, fold, settings, self._seed, self._threads)
            curves.append(curve)
            sizes.append(len(fold.judge))
            mean = np.average(curves, axis=0, weights=sizes)
            trial.report(float(mean.min()), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        trial.set_user_attr("rounds", int(mean.argmin()) + 1)
        return float(mean.min())


def suggest(trial: optuna.Trial) -> Hyperparameters:
    """One setting out of RANGES."""
    values: dict[str, float] = {}
    for name, (low, high) in RANGES.items():
        log = name in _LOGARITHMIC
        if name in _WHOLE:
            values[name] = trial.suggest_int(name, int(low), int(high), log=log)
        else:
            values[name] = trial.suggest_float(name, low, high, log=log)
    return Hyperparameters.of(values)


def create(name: str, storage: optuna.storages.BaseStorage | None, seed: int) -> optuna.Study:
    """The study `name`, new or resumed. The first trials of a new one are the presets: tuning never ends below them.

    Raises ValueError when the study searched for other hyperparameters than this version has.
    """
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        load_if_exists=True,
        direction="minimize",
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS),
    )
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if complete and (other := sorted(complete[0].params.keys() ^ RANGES.keys())):
        raise ValueError(
            f"the study {name} and this version differ in hyperparameters ({', '.join(other)}): name another study"
        )
    if not study.get_trials(deepcopy=False):
        for preset in PRESETS:
            study.enqueue_trial(preset.as_dict(), skip_if_exists=True)
    return study


def finished(study: optuna.Study) -> int:
    """Trials that ended with a value or were given up for good reason."""
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return len(study.get_trials(deepcopy=False, states=ended))


def work(study: optuna.Study, objective: Callable[[optuna.Trial], float], trials: int) -> None:
    """Run trials until the study, which others may work on too, has `trials` finished ones."""

    def enough(study: optuna.Study, _trial: optuna.trial.FrozenTrial) -> None:
        if finished(study) >= trials:
            study.stop()

    if finished(study) < trials:
        study.optimize(objective, callbacks=[enough])


def best(study: optuna.Study) -> Hyperparameters:
    """The setting with the least log loss. Raises ValueError while no trial is complete."""
    return Hyperparameters.of({name: study.best_trial.params[name] for name in RANGES})
