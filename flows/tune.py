"""The flow `tune`: run a study's trials as dispatched Nomad allocations, then train with the best hyperparameters."""

import os
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, TypeVar

from optuna import Study
from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from pydantic import Field

from closecast.deals.calendar import FiscalCalendar
from closecast.models import tuning
from closecast.models.data import plan
from closecast.models.hyperparameters import Hyperparameters
from closecast.platform import studies
from closecast.platform.lake import ingestion, lease
from closecast.platform.nomad.dispatch import RETRY_SECONDS, Dispatcher, DispatchError, NomadSettings
from closecast.platform.runtime.retry import retry
from closecast.platform.settings import required
from flows import steps
from flows.train import trained

JOB = "trial"
_T = TypeVar("_T")


@steps.retried(timeout_seconds=7200)
@studies.reached()
def search(
    data: ingestion.Ingested,
    study_name: str | None,
    trials: int,
    workers: int,
    seed: int,
    seconds: int,
    fiscal: FiscalCalendar,
) -> tuple[str, Hyperparameters]:
    """Dispatch the workers and wait until the study has its trials; returns its name and the best hyperparameters.

    An interrupted study is resumed.
    """
    log = get_run_logger()
    scope = tuning.Scope(data.silver_key, plan(data.deals).cut, fiscal, data.source)
    name = study_name or f"closecast-{scope.digest()}"
    study = tuning.create(name, studies.storage(required(os.environ, "OPTUNA_STORAGE")), seed, scope)
    dispatcher = Dispatcher(NomadSettings.from_environment(os.environ), report=log.warning)
    meta = {
        "study": name,
        "silver_key": data.silver_key,
        "cut": str(scope.cut),
        "trials": str(trials),
        "seed": str(seed),
        "fiscal_year_start": str(fiscal.first_month),
    }
    missing = trials - tuning.finished(study)
    instances: list[str] = []
    progress = steps.Progress("tune-progress", f"Trials of {name}")
    # The workers end by themselves with the last trial, and with the flow.
    with lease.held(steps.lake(), log.warning) as key:
        while len(instances) < min(workers, missing):
            instances.append(dispatcher.dispatch(JOB, {**meta, "lease": key}))
        log.info("study %s: %s of %s trials to go, in %s", name, missing, trials, ", ".join(instances) or "no worker")
        if instances:
            for _ in dispatcher.follow(instances, seconds, lambda _: _is_over(study, trials, log.warning)):
                progress.at(_asked(lambda: tuning.finished(study), log.warning) / trials)
    progress.at(1.0)
    if lost := studies.settle(study):
        log.warning("study %s: %s trials were lost with the workers that ran them", name, lost)
    create_table_artifact(table=studies.table(study), key="tune-trials", description=f"Trials of {name}, best first")
    done = tuning.finished(study)
    if done < trials:
        raise DispatchError(
            f"the workers ended with {done} of {trials} trials: read `just nomad job status trial` and an allocation's log"
        )
    return name, tuning.best(study)


def _is_over(study: Study, trials: int, report: Callable[[str], None]) -> bool:
    """Whether the study has its trials, and no worker is in the middle of one more."""
    return _asked(lambda: tuning.finished(study) >= trials and studies.is_idle(study), report)


def _asked(question: Callable[[], _T], report: Callable[[str], None]) -> _T:
    """The answer to a question to the database, with retries while it is away."""

    def ask() -> _T:
        with studies.reached():
            return question()

    return retry(ask, RETRY_SECONDS, report)


@flow(name="tune", timeout_seconds=14_400, validate_parameters=True)
def tune(
    source: str | None = None,
    trials: Annotated[int, Field(ge=1, le=1_000)] = 30,
    workers: Annotated[int, Field(ge=1, le=32)] = 2,
    seed: int = 7,
    study: str | None = None,
    seconds: Annotated[int, Field(ge=10, le=14_400)] = 7_200,
    as_of: date | None = None,
    fiscal_year_start: steps.FirstMonth | None = None,
    mapping: str | None = None,
) -> dict[str, Any]:
    """Search `trials` settings with `workers` Nomad allocations at once, then train and promote with the best.

    By default the study's name is a hash of the data, the cut, the quarters, the features and the ranges, so that the
    same search resumes it. `study` gives another name; a study of another search is refused. The default fiscal year is
    the champion's.
    """
    export = steps.read(source, seed, mapping)
    data = steps.ingest(export, as_of=as_of)
    fiscal = steps.fiscal_calendar(fiscal_year_start or export.fiscal_year_start)
    name, settings = search(data, study, trials, workers, seed, seconds, fiscal)
    return {
        **trained(data, seed, settings, fiscal, source is None),
        "study": name,
        "hyperparameters": settings.as_dict(),
    }


if __name__ == "__main__":
    tune()
