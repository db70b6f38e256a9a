"""The search for hyperparameters: sampling, objective and pruning."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import optuna

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.features import NAMES
from closecast.models.data import Data, NotEnoughDataError
from closecast.models.forward import FoldBoosters, Folds, forward_folds
from closecast.models.hyperparameters import PRESETS, RANGES, Hyperparameters

_LOGARITHMIC = ("learning_rate", "min_data_in_leaf", "lambda_l2", "clock_weight", "calendar_weight", "entity_weight")
_WHOLE = ("num_leaves", "min_data_in_leaf")
_SCOPE = "scope"
_WORDS = {
    "data": "the data are",
    "cut": "the cut is",
    "quarters": "quarters are",
    "features": "features are",
    "ranges": "ranges are",
}
_FIRST_MONTHS = ("January", "February", "March")  # of quarters, by FiscalCalendar.phase
_STARTUP_TRIALS = 5  # trials before pruning by their median begins


class Objective:
    """Log loss on later rows, by forward-chaining folds with an embargo of the horizon, at the best number of rounds."""

    def __init__(self, data: Data, before: date, seed: int, threads: int) -> None:
        """Only labels known before `before` are used. Raises NotEnoughDataError when there is no validation fold."""
        rows = data.learnable(before)
        folds = forward_folds(rows, before)
        if not folds:
            raise NotEnoughDataError(
                f"the {len(rows)} rows known before {before} hold no forward fold to validate a trial on; tune on a "
                "longer export, or train with the default settings"
            )
        self._folds = Folds(data.fitting_matrix(rows), rows.won, folds, seed, threads)

    def __call__(self, trial: optuna.Trial) -> float:
        """The trial's log loss. Raises optuna.TrialPruned when the folds so far are worse than the median's."""
        boosters = FoldBoosters(self._folds, suggest(trial))
        for step in range(len(self._folds.folds)):
            rounds, loss = boosters.best(step + 1)
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        trial.set_user_attr("rounds", rounds)
        return loss


def suggest(trial: optuna.Trial) -> Hyperparameters:
    """Sample hyperparameters from RANGES."""
    values: dict[str, float] = {}
    for name, (low, high) in RANGES.items():
        log = name in _LOGARITHMIC
        if name in _WHOLE:
            values[name] = trial.suggest_int(name, int(low), int(high), log=log)
        else:
            values[name] = trial.suggest_float(name, low, high, log=log)
    return Hyperparameters.of(values)


class StudyError(ValueError):
    """A study holds trials of another search, whose values cannot be compared."""


@dataclass(frozen=True)
class Scope:
    """The scope in which trials are comparable: deals, cut, quarters, features, and ranges of the hyperparameters."""

    data: str  # content hash of the deals, or a key that holds it
    cut: date
    fiscal: FiscalCalendar = CALENDAR_YEAR
    source: str = field(default="", compare=False)  # for messages: where the deals came from
    features: tuple[str, ...] = NAMES
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(RANGES))

    def written(self) -> dict[str, Any]:
        """The scope as plain data, for the study's attributes."""
        ranges = {name: [float(low), float(high)] for name, (low, high) in sorted(self.ranges.items())}
        return {
            "data": self.data,
            "cut": str(self.cut),
            "quarters": self.fiscal.phase,
            "features": [*self.features],
            "ranges": ranges,
        }

    def digest(self) -> str:
        """Twelve hexadecimal digits, equal for searches whose trials are comparable."""
        return hashlib.sha256(json.dumps(self.written(), sort_keys=True).encode()).hexdigest()[:12]


def create(name: str, storage: optuna.storages.BaseStorage | None, seed: int, scope: Scope) -> optuna.Study:
    """Create or resume the study `name`, bound to `scope`.

    The first trials of a new study are the presets, so that tuning is never worse than they are.

    Raises StudyError when the study is bound to another scope, or has trials and is bound to none.
    """
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        load_if_exists=True,
        direction="minimize",
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS),
    )
    _bind(study, scope)
    if not study.get_trials(deepcopy=False):
        for preset in PRESETS:
            study.enqueue_trial(preset.as_dict(), skip_if_exists=True)
    return study


def _bind(study: optuna.Study, scope: Scope) -> None:
    if _SCOPE not in study.user_attrs:
        if any(trial.state != optuna.trial.TrialState.WAITING for trial in study.get_trials(deepcopy=False)):
            raise StudyError(
                f"the study {study.study_name} holds trials of an earlier version, which did not write down "
                "on what data they ran: leave study=… out, or name another"
            )
        study.set_user_attr(_SCOPE, {**scope.written(), "source": scope.source})
    # Read back: if two searches create a study at the same moment, one sees here that it belongs to the other.
    found, wanted = dict(study.user_attrs[_SCOPE]), scope.written()
    where = found.pop("source", "")
    if found == wanted:
        return
    differences = [
        f"{what} {_in_words(name, found.get(name), wanted[name], where)} there, "
        f"{_in_words(name, wanted[name], found.get(name), scope.source)} here"
        for name, what in _WORDS.items()
        if found.get(name) != wanted[name]
    ]
    raise StudyError(
        f"the study {study.study_name} is of another search: {'; '.join(differences)}. Trials of the two cannot be "
        "compared: leave study=… out, or name another"
    )


def _in_words(name: str, value: Any, other: Any, source: str) -> str:
    """Describe one side of a difference; of features and ranges, only what the other side lacks."""
    if name == "data":
        digits = str(value).rpartition("/")[2].removesuffix(".parquet")[:12]
        return f"{digits}{f' ({source})' if source else ''}"
    if name == "quarters":
        return f"those that begin in {_FIRST_MONTHS[value or 0]}"
    if name == "features":
        return ", ".join(one for one in value or () if one not in (other or ())) or "none of their own"
    if name == "ranges":
        own = {key: pair for key, pair in (value or {}).items() if pair != (other or {}).get(key)}
        return ", ".join(f"{key} {low:g} to {high:g}" for key, (low, high) in own.items()) or "none of their own"
    return str(value)


def finished(study: optuna.Study) -> int:
    """Number of trials that completed or were pruned."""
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return len(study.get_trials(deepcopy=False, states=ended))


def work(study: optuna.Study, objective: Callable[[optuna.Trial], float], trials: int) -> None:
    """Run trials until the study, which may have other workers, has `trials` finished ones."""

    def enough(study: optuna.Study, _trial: optuna.trial.FrozenTrial) -> None:
        if finished(study) >= trials:
            study.stop()

    if finished(study) < trials:
        study.optimize(objective, callbacks=[enough])


def best(study: optuna.Study) -> Hyperparameters:
    """The hyperparameters with the least log loss. Raises ValueError while no trial is complete."""
    return Hyperparameters.of({name: study.best_trial.params[name] for name in RANGES})
