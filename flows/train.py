"""The flow `train`: train a model on a source, register it, and promote it if the gate accepts it."""

import json
import os
from datetime import UTC, date, datetime
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from closecast.deals.calendar import FiscalCalendar
from closecast.models import candidate as candidates
from closecast.models.hyperparameters import Hyperparameters
from closecast.platform.lake import gold, ingestion
from closecast.platform.mlflow import publication
from closecast.platform.runtime import processors, provenance
from closecast.platform.settings import RegistrySettings, signer
from flows import steps

RESULT_KEY = "train-result"
REPORT_KEY = "train-report"


@task(cache_policy=NO_CACHE, timeout_seconds=3600)
def fit(
    data: ingestion.Ingested, seed: int, settings: Hyperparameters | None, fiscal: FiscalCalendar
) -> candidates.Candidate:
    """Fit before the cut, measure after it against the baselines, refit on everything known."""
    return candidates.build(data.deals, seed, processors.usable(), settings, fiscal=fiscal)


@task(cache_policy=NO_CACHE, timeout_seconds=3600)
def fit_baseline(refused: candidates.Candidate) -> candidates.Candidate:
    """Fit what may serve in place of a model that was refused."""
    return candidates.baseline(refused, processors.usable())


@steps.retried()
def snapshots(candidate: candidates.Candidate, data: ingestion.Ingested) -> str:
    """Store the training rows and features in gold/."""
    return gold.store(candidate.data, data.silver_key, steps.lake())


@steps.retried()
def publish(
    candidate: candidates.Candidate,
    data: ingestion.Ingested,
    gold_key: str,
    is_platforms_source: bool,
    shadow_first: bool = False,
) -> publication.Published:
    """Log the run, register the version, and promote it if the gate accepts it, or put it in shadow first."""
    registry = RegistrySettings.from_environment(os.environ)
    return publication.publish(
        candidate,
        data,
        registry.tracking_uri,
        lock=steps.promotion_lock(),
        signer=signer(os.environ),
        trusted=registry.trusted,
        login=registry.login,
        gold_key=gold_key,
        by=f"flow {flow_run.flow_name}/{flow_run.name}",
        at=datetime.now(UTC),
        git_commit=provenance.git_commit(steps.PROJECT),
        is_platforms_source=is_platforms_source,
        shadow_first=shadow_first,
    )


@flow(name="train", timeout_seconds=7200, validate_parameters=True)
def train(
    source: str | None = None,
    seed: int = 7,
    as_of: date | None = None,
    fiscal_year_start: steps.FirstMonth | None = None,
    mapping: str | None = None,
    is_platforms_source: bool = False,
    shadow_first: bool = False,
) -> dict[str, Any]:
    """Train a model and promote it if the gate accepts it.

    `source` is synthetic, file:<absolute path>, s3://… or kaggle; by default the platform's own. Rows with dates after
    `as_of` are not used; without it, those far after all other dates. Where the model is refused and no other serves, a
    baseline does if it is honest. Quarters are those of the fiscal year that begins
    with the month `fiscal_year_start`, by default the mapping's, or else the champion's. `mapping` is the text of a
    mapping file (docs/mapping.md). Without `source`, or with `is_platforms_source`, a champion that was trained on other
    deals counts as none. With `shadow_first` a model that the gate accepts is scored beside the champion first, and
    outcomes decide (docs/shadow.md). Returns {"version", "promoted", "reasons", "metrics", …}, also kept as the Prefect
    artifact `train-result`.
    """
    export = steps.read(source, seed, mapping)
    fiscal = steps.fiscal_calendar(fiscal_year_start or export.fiscal_year_start)
    is_own = source is None or is_platforms_source
    return trained(steps.ingest(export, as_of=as_of), seed, None, fiscal, is_own, shadow_first)


def trained(
    data: ingestion.Ingested,
    seed: int,
    settings: Hyperparameters | None,
    fiscal: FiscalCalendar,
    is_platforms_source: bool,
    shadow_first: bool = False,
) -> dict[str, Any]:
    """Fit, publish and report; `settings` are hyperparameters, None for the presets."""
    # Fail before training if signing or promoting is impossible.
    signer(os.environ)
    steps.promotion_lock()
    candidate = fit(data, seed, settings, fiscal)
    gold_key = snapshots(candidate, data)
    published = publish(candidate, data, gold_key, is_platforms_source, shadow_first)
    baseline: dict[str, Any] | None = None
    if not published.decision.promoted and published.is_vacant:
        instead = publish(fit_baseline(candidate), data, gold_key, is_platforms_source)
        baseline = {
            "version": instead.version,
            "promoted": instead.decision.promoted,
            "reasons": list(instead.decision.reasons),
        }
    result = {
        "version": published.version,
        "run_id": published.run_id,
        "promoted": published.decision.promoted and not published.is_in_shadow,
        "in_shadow": published.is_in_shadow,
        "reasons": list(published.decision.reasons),
        "baseline": baseline,
        "champion_has_other_deals": published.champion_has_other_deals,
        "source": data.source,
        "fiscal_year_start": fiscal.first_month,
        "rows": published.card.rows,
        "metrics": published.card.metrics,
        "references": published.card.reference_metrics,
    }
    create_table_artifact(table=[result], key=RESULT_KEY, description="Result of the last training run.")
    create_table_artifact(
        table=baseline_table(published.report), key="ladder", description="Held-out log loss of model and baselines."
    )
    create_markdown_artifact(markdown=_report(result, data), key=REPORT_KEY)
    create_link_artifact(
        link=f"{steps.tracking_uri()}/#/experiments/{published.experiment_id}/runs/{published.run_id}",
        link_text="the run in MLflow: plots, model card, every figure",
        key="mlflow-run",
    )
    for plot in ("reliability", "ladder"):
        address = f"{steps.tracking_uri()}/get-artifact?path=report/{plot}.png&run_uuid={published.run_id}"
        create_image_artifact(
            image_url=address, key=f"plot-{plot}", description=f"{plot} of version {published.version}"
        )
    get_run_logger().info("version %s: %s", published.version, json.dumps(result["reasons"]))
    return result


def baseline_table(report: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per target and baseline, with its measures on all held-out rows."""
    return [
        {"target": target, "model": baseline, **{name: round(one["value"], 4) for name, one in measures.items()}}
        for target, found in report["targets"].items()
        for baseline, measures in found["ladder"]["all"]["rungs"].items()
    ]


def _report(result: dict[str, Any], data: ingestion.Ingested) -> str:
    verdict = "promoted to champion" if result["promoted"] else "in shadow" if result["in_shadow"] else "not promoted"
    lines = [f"# Version {result['version']}: {verdict}", f"Source {data.source}: {data.summary}.", ""]
    lines += [f"- {reason}" for reason in result["reasons"]]
    if baseline := result["baseline"]:
        verdict = "serves in its place" if baseline["promoted"] else "does not serve either"
        lines += ["", f"## The baseline, version {baseline['version']}, {verdict}", ""]
        lines += [f"- {reason}" for reason in baseline["reasons"]]
    return "\n".join(lines)


if __name__ == "__main__":
    train()
