"""Optuna studies in PostgreSQL, for several workers at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import optuna
from optuna.storages import RDBStorage
from sqlalchemy.exc import InterfaceError, OperationalError

from closecast.platform.runtime.retry import AwayError

_HEARTBEAT_SECONDS = 5
_LOST_SECONDS = 20  # a trial whose worker has been silent for so long has failed; nothing else is lost


class StudiesAwayError(AwayError):
    """The database of the studies does not answer: a later attempt may succeed."""


@contextmanager
def reached() -> Iterator[None]:
    """Raise StudiesAwayError when the block failed because the database was away."""
    try:
        yield
    except (optuna.exceptions.StorageInternalError, OperationalError, InterfaceError) as error:
        cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
        reason = getattr(cause, "orig", None) or cause or error
        raise StudiesAwayError(
            f"the database of the studies does not answer: {' '.join(str(reason).split())[:200]}"
        ) from error


def storage(url: str) -> RDBStorage:
    """The storage at `url` (postgresql+psycopg://…). A worker that dies loses only its current trial."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return RDBStorage(
        url,
        heartbeat_interval=_HEARTBEAT_SECONDS,
        grace_period=_LOST_SECONDS,
        engine_kwargs={"pool_pre_ping": True},
    )


def is_idle(study: optuna.Study) -> bool:
    """Whether no trial is running. One whose worker has been silent for too long has failed."""
    optuna.storages.fail_stale_trials(study)
    return not _running(study)


def settle(study: optuna.Study) -> int:
    """Mark running trials as failed, after all workers have ended; returns the number of lost trials.

    One that comes to its end meanwhile is not lost: the last worker may still be writing its result.
    """
    failed = optuna.trial.TrialState.FAIL
    told = [study.tell(trial.number, state=failed, skip_if_finished=True) for trial in _running(study)]
    return sum(trial.state == failed for trial in told)


def _running(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))


def table(study: optuna.Study) -> list[dict[str, object]]:
    """One row per trial, best first: number, state, log loss, rounds, seconds, settings."""
    rows = [
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "log_loss": trial.value,
            "rounds": trial.user_attrs.get("rounds"),
            "worker": trial.user_attrs.get("worker"),
            "seconds": None if trial.duration is None else round(trial.duration.total_seconds(), 1),
            **trial.params,
        }
        for trial in study.get_trials(deepcopy=False)
    ]
    return sorted(rows, key=lambda row: (row["log_loss"] is None, row["log_loss"] or 0.0))
