"""The flow `score`: score a partitioned Parquet input, each part once by a dispatched Nomad allocation."""

import json
import os
import tempfile
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from pydantic import Field

from closecast.deals.horizon import QUARTER_END, Horizon, quarter_ahead
from closecast.platform.batch import scoring_run
from closecast.platform.lake import lease
from closecast.platform.lake.store import Lake, LakeAwayError
from closecast.platform.nomad.dispatch import Dispatcher, DispatchError, NomadSettings
from flows import steps

JOB = "score"
# After so many groups in a row without a result or a refusal, the fault is not in the parts.
_HOPELESS_GROUPS = 3
_NAMED = 20  # parts named in the message; the artifact has all


class PartsError(RuntimeError):
    """Some parts of a batch have no result; the message names each with its reason."""


@steps.retried()
def plan(source: str, as_of: date | None, horizon: Horizon) -> scoring_run.ScoringRun:
    """Plan the run: the champion, the date, and the parts below `source`."""
    with tempfile.TemporaryDirectory() as scratch:
        served = steps.registry().champion(Path(scratch))
        day = as_of or date.fromisoformat(served.model.card.data_as_of)
        quarter = quarter_ahead(day, served.model.card.fiscal)
    run = scoring_run.plan(steps.lake(), source, served.identity, day, horizon)
    return replace(run, quarter=quarter) if horizon == QUARTER_END else run


@steps.retried(timeout_seconds=14_400)
def parts(run: scoring_run.ScoringRun, at_once: int, seconds: int) -> dict[str, str]:
    """Score parts without a result, `at_once` allocations at a time; returns the reasons of parts that were not scored."""
    log, lake = get_run_logger(), steps.lake()
    dispatcher = Dispatcher(NomadSettings.from_environment(os.environ), report=log.warning)
    missing = run.missing(lake)
    progress = steps.Progress("score-progress", run.target)
    log.info("%s of %s parts of %s to be scored", len(missing), len(run.parts), run.source)
    left: dict[str, str] = {}
    hopeless = 0
    for first in range(0, len(missing), at_once):
        group = missing[first : first + at_once]
        instances: dict[str, str] = {}
        with lease.held(lake, log.warning) as key:
            for part in group:
                instances[dispatcher.dispatch(JOB, {**run.meta(part), "lease": key})] = part
            for states in dispatcher.follow(list(instances), seconds, partial(_is_done, lake, run, instances)):
                done = len(run.parts) - len(missing) + first + sum(state == "complete" for state in states.values())
                progress.at(done / len(run.parts))
        refused, lost = _left(lake, run, instances)
        for part, reason in {**refused, **lost}.items():
            log.warning("%s: %s", part, reason)
        left |= {**refused, **lost}
        hopeless = hopeless + 1 if len(lost) == len(group) else 0
        if hopeless == _HOPELESS_GROUPS:
            raise DispatchError(f"no part is scored any more: {next(iter(lost.values()))}; fix that and run it again")
    progress.at(1.0)
    return {part: left[part] for part in run.parts if part in left}


def _is_done(lake: Lake, run: scoring_run.ScoringRun, instances: dict[str, str], instance: str) -> bool:
    """Whether the instance has written a result or a refusal; False while the lake is away."""
    result = run.result(instances[instance])
    try:
        return lake.has(result) or scoring_run.refusal(lake, result, instance) is not None
    except LakeAwayError:
        return False


def _left(lake: Lake, run: scoring_run.ScoringRun, instances: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Parts without a result, with reasons: those that were refused, and those whose process failed."""
    refused, lost = {}, {}
    missing = set(run.missing(lake))
    for instance, part in instances.items():
        if part not in missing:
            continue
        reason = scoring_run.refusal(lake, run.result(part), instance)
        if reason is not None:
            refused[part] = reason
        else:
            lost[part] = f"its process failed: see `just nomad alloc logs -stderr -job {instance}`"
    return refused, lost


@steps.retried()
def conclude(run: scoring_run.ScoringRun) -> dict[str, Any]:
    """Check that every part has all rows, and write _SUCCESS.json."""
    lake = steps.lake()
    rows = run.rows(lake)
    quarter = {} if run.quarter is None else {"quarter_start": str(run.quarter[0]), "quarter_end": str(run.quarter[1])}
    result = {
        "target": run.target,
        "version": run.model.version,
        "run_id": run.model.run_id,
        "as_of": str(run.as_of),
        "horizon": run.horizon,
        **quarter,
        "rows": sum(row["rows"] for row in rows),
        "parts": len(rows),
    }
    lake.put_text(f"{run.target}/_SUCCESS.json", json.dumps({**result, "files": rows}, indent=1))
    create_table_artifact(
        table=rows, key="score-parts", description=f"{result['rows']:,} deals scored into {run.target}"
    )
    return result


@flow(name="score", timeout_seconds=14_400, validate_parameters=True)
def score(
    source: str,
    as_of: date | None = None,
    horizon: Annotated[int, Field(ge=1, le=366)] | Literal["quarter_end"] = "quarter_end",
    at_once: Annotated[int, Field(ge=1, le=64)] = 2,
    seconds: Annotated[int, Field(ge=10, le=14_400)] = 3_600,
) -> dict[str, Any]:
    """Score the Parquet files below the lake's folder `source` with the champion, into predictions/<run>/.

    The run's name depends on its input, model, date and horizon: repeated, it continues. When all
    parts are there, _SUCCESS.json lists them. `as_of` defaults to the last date of the model's data. A part that
    cannot be scored does not stop the others: at the end the run fails, naming each with its reason.
    """
    run = plan(source, as_of, horizon)
    left = parts(run, at_once, seconds)
    if left:
        create_table_artifact(
            table=[{"part": part, "reason": reason} for part, reason in left.items()],
            key="score-left",
            description=f"Parts of {run.source} that were not scored into {run.target}",
        )
        raise PartsError(_failure_summary(run, left))
    return conclude(run)


def _failure_summary(run: scoring_run.ScoringRun, left: dict[str, str]) -> str:
    named = "; ".join(f"{part}: {reason.rstrip('.')}" for part, reason in list(left.items())[:_NAMED])
    if len(left) > _NAMED:
        named += f"; and {len(left) - _NAMED} more, listed in the artifact score-left"
    return (
        f"{len(left)} of {len(run.parts)} parts of {run.source} are not scored: {named}. "
        f"The other {len(run.parts) - len(left)} are in {run.target}: correct or remove what is named and run it again"
    )


if __name__ == "__main__":
    score("scoring/example")
