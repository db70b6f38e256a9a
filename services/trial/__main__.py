"""Run trials of a study in PostgreSQL until it has enough: `python -m services.trial`."""

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import optuna

from closecast.deals.calendar import FiscalCalendar
from closecast.models import tuning
from closecast.models.data import Data, NotEnoughDataError
from closecast.platform import studies
from closecast.platform.lake import lease
from closecast.platform.lake.store import Lake, LakeAwayError, LakeError
from closecast.platform.runtime import logs
from closecast.platform.runtime.retry import retry
from closecast.platform.settings import LakeSettings, SettingsError, required

_LOG = logging.getLogger("services.trial")  # it is run as __main__

_NEEDED = ("CLOSECAST_STUDY", "CLOSECAST_SILVER_KEY", "CLOSECAST_CUT", "CLOSECAST_TRIALS", "OPTUNA_STORAGE")
_RETRY_SECONDS = 180.0


@dataclass(frozen=True)
class Task:
    """The task: study, deals, cut, and number of trials."""

    study: str
    silver_key: str
    cut: date
    trials: int
    storage: str
    seed: int
    fiscal: FiscalCalendar
    lake: LakeSettings

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Task":
        """Read the task. Raises SettingsError naming the variable that is missing or unusable."""
        for name in _NEEDED:
            required(environment, name)
        try:
            cut, trials = date.fromisoformat(environment["CLOSECAST_CUT"]), int(environment["CLOSECAST_TRIALS"])
            seed = int(environment.get("CLOSECAST_SEED") or "7")
            fiscal = FiscalCalendar(int(environment.get("CLOSECAST_FISCAL_YEAR_START") or "1"))
        except ValueError as error:
            raise SettingsError(
                f"CLOSECAST_CUT, CLOSECAST_TRIALS, CLOSECAST_SEED or CLOSECAST_FISCAL_YEAR_START is unusable: {error}"
            ) from error
        return cls(
            environment["CLOSECAST_STUDY"],
            environment["CLOSECAST_SILVER_KEY"],
            cut,
            trials,
            environment["OPTUNA_STORAGE"],
            seed,
            fiscal,
            LakeSettings.from_environment(environment),
        )


def run(task: Task, worker: str) -> int:
    """Run trials until the study has enough; returns how many this worker ran."""
    data = Data(Lake(task.lake).read_parquet(task.silver_key), task.cut, task.fiscal)
    objective = tuning.Objective(data, task.cut, task.seed, threads=1)
    ran = 0

    def one(trial: optuna.Trial) -> float:
        nonlocal ran
        ran += 1
        trial.set_user_attr("worker", worker)
        value = objective(trial)
        _LOG.info("trial %d: log loss %.5f", trial.number, value)
        return value

    def work() -> None:
        with studies.reached():
            # Workers must not all sample the same settings.
            scope = tuning.Scope(task.silver_key, task.cut, task.fiscal)
            study = tuning.create(task.study, studies.storage(task.storage), task.seed + os.getpid(), scope)
            tuning.work(study, one, task.trials)

    # When the database goes away, the current trial is lost, but not the search.
    retry(work, _RETRY_SECONDS, _LOG.info)
    return ran


def _end(why: str) -> None:
    """Exit at once; the current trial is lost, as with a killed worker."""
    _LOG.info(why)
    os._exit(0)


def main() -> None:
    logs.configure()
    try:
        task = Task.from_environment(os.environ)
        watch = lease.Watch(Lake(task.lake), required(os.environ, "CLOSECAST_LEASE"))
        lease.watched(watch, _end)
        worker = os.environ.get("NOMAD_ALLOC_ID", "local")[:8]
        ran = retry(lambda: run(task, worker), _RETRY_SECONDS, _LOG.info, (LakeAwayError,))
    except (SettingsError, LakeError, NotEnoughDataError, studies.StudiesAwayError, tuning.StudyError) as error:
        sys.exit(f"trial: {error}")
    _LOG.info("this worker ran %d", ran)


if __name__ == "__main__":
    main()
