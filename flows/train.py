"""The flow `train`: from a source to a registered model, promoted if its evidence allows."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run
from prefect.tasks import Task

from closecast.models import candidate as candidates
from closecast.models.evaluation import TARGETS
from closecast.platform import ingestion, provenance, publication
from closecast.platform.lake import Lake, LakeError
from closecast.platform.registry import RegistryError
from closecast.platform.settings import LakeSettings, RegistrySettings
from closecast.platform.sources import RawExport, read_source

RESULT_KEY = "train-result"
REPORT_KEY = "train-report"
_PROJECT = Path(__file__).resolve().parents[1]


def _outage(_task: "Task[..., Any]", _run: TaskRun, state: State[Any]) -> bool:
    """Only a server that is away comes back; a bad file stays bad."""
    return isinstance(state.result(raise_on_failure=False), LakeError | RegistryError)


@task(cache_policy=NO_CACHE)
def read(source: str, seed: int) -> RawExport:
    """The export as received."""
    return read_source(source, seed)


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[2, 8], retry_condition_fn=_outage)
def ingest(export: RawExport) -> ingestion.Ingested:
    """Check the rows and store them in the lake."""
    data = ingestion.ingest(export, Lake(LakeSettings.from_environment(os.environ)))
    get_run_logger().info("%s: %s", data.source, data.summary)
    return data


@task(cache_policy=NO_CACHE)
def fit(data: ingestion.Ingested, seed: int) -> candidates.Candidate:
    """Fit before the cut, measure after it, refit on everything known."""
    return candidates.build(data.deals, seed, threads=len(os.sched_getaffinity(0)))


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[2, 8], retry_condition_fn=_outage)
def publish(candidate: candidates.Candidate, data: ingestion.Ingested) -> publication.Published:
    """Log the run, register the version, promote it if it earned that."""
    return publication.publish(
        candidate,
        data,
        RegistrySettings.from_environment(os.environ).tracking_uri,
        by=f"flow train/{flow_run.name}",
        at=datetime.now(UTC),
        git_commit=provenance.git_commit(_PROJECT),
    )


@flow(name="train", log_prints=False)
def train(source: str = "synthetic", seed: int = 7) -> dict[str, Any]:
    """Train on `source` (synthetic, synthetic:<rows>, file:<absolute path>), and promote the model if it earned that.

    Returns {"version", "promoted", "reasons", "metrics", …}, also kept as the Prefect artifact `train-result`.
    """
    data = ingest(read(source, seed))
    candidate = fit(data, seed)
    published = publish(candidate, data)
    result = {
        "version": published.version,
        "run_id": published.run_id,
        "promoted": published.decision.promoted,
        "reasons": list(published.decision.reasons),
        "source": data.source,
        "rows": published.card.rows,
        "metrics": published.card.metrics,
        "references": published.card.reference_metrics,
    }
    create_table_artifact(table=[result], key=RESULT_KEY, description="What came of the last training run.")
    create_markdown_artifact(markdown=_report(result, data), key=REPORT_KEY)
    get_run_logger().info("version %s: %s", published.version, json.dumps(result["reasons"]))
    return result


def _report(result: dict[str, Any], data: ingestion.Ingested) -> str:
    verdict = "promoted to champion" if result["promoted"] else "not promoted"
    lines = [
        f"# Version {result['version']}: {verdict}",
        f"Source {data.source}: {data.summary}.",
        "",
        "| held out | log loss | age table | base rate | ROC AUC | rows |",
        "|---|---|---|---|---|---|",
    ]
    own, reference = result["metrics"], result["references"]
    lines += [
        f"| {target} | {own[f'log_loss_{target}']:.4f} | {reference[f'age_table_log_loss_{target}']:.4f} "
        f"| {reference[f'base_rate_log_loss_{target}']:.4f} | {own[f'auc_{target}']:.3f} "
        f"| {reference[f'rows_test_{target}']:,.0f} |"
        for target in TARGETS
    ]
    return "\n".join([*lines, "", *(f"- {reason}" for reason in result["reasons"])])


if __name__ == "__main__":
    train()
