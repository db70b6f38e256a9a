"""The flow `score`: a partitioned Parquet input, each part scored by a dispatched Nomad allocation, written once."""

import json
import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from closecast.platform import scoring_run
from closecast.platform.dispatch import Dispatcher, DispatchError, NomadSettings
from closecast.platform.registry import ModelRegistry
from flows import steps

JOB = "score"


@task(cache_policy=NO_CACHE, timeout_seconds=14_400)
def parts(run: scoring_run.ScoringRun, at_once: int, seconds: int) -> list[dict[str, Any]]:
    """Score what has no result yet, `at_once` allocations at a time; returns a row for each part."""
    log, lake = get_run_logger(), steps.lake()
    dispatcher = Dispatcher(NomadSettings.from_environment(os.environ))
    missing = run.missing(lake)
    progress = steps.Progress("score-progress", run.target)
    log.info("%s of %s parts of %s to be scored", len(missing), len(run.parts), run.source)
    for first in range(0, len(missing), at_once):
        group = missing[first : first + at_once]
        instances = {dispatcher.dispatch(JOB, run.meta(part)): part for part in group}
        states: dict[str, str] = {}
        try:
            for states in dispatcher.follow(list(instances), seconds):
                done = len(run.parts) - len(missing) + first + sum(state == "complete" for state in states.values())
                progress.at(done / len(run.parts))
        finally:
            failed = [instance for instance, state in states.items() if state != "complete"]
            for instance in failed:
                dispatcher.stop(instance)
        if failed:
            raise DispatchError(
                f"{len(failed)} parts failed, the first is {instances[failed[0]]}: read the log of {failed[0]} "
                f"(`just nomad alloc logs -stderr -job {failed[0]}`); the parts that are done stay, run it again"
            )
    progress.at(1.0)
    return run.rows(lake)


@flow(name="score", timeout_seconds=14_400, validate_parameters=True)
def score(
    source: str,
    as_of: date | None = None,
    horizon: Annotated[int, Field(ge=1, le=366)] | Literal["quarter_end"] = "quarter_end",
    at_once: Annotated[int, Field(ge=1, le=64)] = 2,
    seconds: Annotated[int, Field(ge=10, le=14_400)] = 3_600,
) -> dict[str, Any]:
    """Score the Parquet files below the lake's folder `source` with the champion, into predictions/<run>/.

    The run is named by its input, model, date and horizon: repeated, it finds what is done and does the rest. When all
    parts are there, _SUCCESS.json lists them. `as_of` is the last date of the model's data unless given.
    """
    with tempfile.TemporaryDirectory() as scratch:
        served = ModelRegistry(steps.tracking_uri()).champion(Path(scratch))
        day = as_of or date.fromisoformat(served.model.card.data_as_of)
        model = served.identity
    run = scoring_run.plan(steps.lake(), source, model, day, horizon)
    rows = parts(run, at_once, seconds)
    result = {"target": run.target, "version": model.version, "run_id": model.run_id, "as_of": str(day), "horizon": horizon,
              "rows": sum(row["rows"] for row in rows), "parts": len(rows)}  # fmt: skip
    steps.lake().put_text(f"{run.target}/_SUCCESS.json", json.dumps({**result, "files": rows}, indent=1))
    create_table_artifact(
        table=rows, key="score-parts", description=f"{result['rows']:,} deals scored into {run.target}"
    )
    return result


if __name__ == "__main__":
    score("scoring/example")
