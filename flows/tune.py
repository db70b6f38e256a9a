"""The flow `tune`: a study whose trials run as dispatched Nomad allocations, then a model with the best setting."""

import os
from datetime import date
from typing import Annotated, Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from closecast.models import training, tuning
from closecast.models.hyperparameters import Hyperparameters
from closecast.platform import ingestion, studies
from closecast.platform.dispatch import Dispatcher, DispatchError, NomadSettings
from closecast.platform.settings import required
from flows import steps
from flows.train import trained

JOB = "trial"


@task(cache_policy=NO_CACHE, timeout_seconds=7200)
def search(
    data: ingestion.Ingested, study_name: str, trials: int, workers: int, seed: int, seconds: int
) -> Hyperparameters:
    """Dispatch the workers and wait until the study has its trials. Killed or not, a study goes on where it stopped."""
    log = get_run_logger()
    cut = training.plan(data.deals).cut
    study = tuning.create(study_name, studies.storage(required(os.environ, "OPTUNA_STORAGE")), seed)
    dispatcher = Dispatcher(NomadSettings.from_environment(os.environ))
    meta = {
        "study": study_name,
        "silver_key": data.silver_key,
        "cut": str(cut),
        "trials": str(trials),
        "seed": str(seed),
    }
    missing = trials - tuning.finished(study)
    instances = [dispatcher.dispatch(JOB, meta) for _ in range(min(workers, max(0, missing)))]
    log.info("study %s: %s of %s trials to go, in %s", study_name, missing, trials, ", ".join(instances) or "no worker")
    progress = steps.Progress("tune-progress", f"Trials of {study_name}")
    try:
        if instances:
            for _ in dispatcher.follow(instances, seconds):
                progress.at(tuning.finished(study) / trials)
    finally:
        # The workers end by themselves with the last trial; only an interrupted flow leaves any to be stopped.
        for instance in instances:
            dispatcher.stop(instance)
    progress.at(1.0)
    if lost := studies.settle(study):
        log.warning("study %s: %s trials were lost with the workers that ran them", study_name, lost)
    create_table_artifact(
        table=studies.table(study), key="tune-trials", description=f"Trials of {study_name}, best first"
    )
    done = tuning.finished(study)
    if done < trials:
        raise DispatchError(
            f"the workers ended with {done} of {trials} trials: read `just nomad job status trial` and an allocation's log"
        )
    return tuning.best(study)


@flow(name="tune", timeout_seconds=14_400, validate_parameters=True)
def tune(
    source: str = "synthetic",
    trials: Annotated[int, Field(ge=1, le=1_000)] = 30,
    workers: Annotated[int, Field(ge=1, le=32)] = 2,
    seed: int = 7,
    study: str | None = None,
    seconds: Annotated[int, Field(ge=10, le=14_400)] = 7_200,
    as_of: date | None = None,
) -> dict[str, Any]:
    """Search `trials` settings with `workers` Nomad allocations at once, train with the best, promote if earned.

    The study is named by the data's hash, so that the same data resume it; `study` names another.
    """
    data = steps.ingest(steps.read(source, seed), as_of=as_of)
    name = study or f"closecast-{data.source_sha256[:12]}"
    settings = search(data, name, trials, workers, seed, seconds)
    return {**trained(data, seed, settings), "study": name, "hyperparameters": settings.as_dict()}


if __name__ == "__main__":
    tune()
