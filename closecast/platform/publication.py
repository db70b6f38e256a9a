"""Publishes a candidate: its MLflow run, the decision against the champion, the registered version, the promotion."""

import json
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from closecast import features
from closecast.deals.snapshots import DEFAULT_HORIZONS
from closecast.models import evaluation, promotion, training
from closecast.models.candidate import Candidate
from closecast.models.deal_model import DealModel, ModelCard, ModelError
from closecast.platform import tracking
from closecast.platform.ingestion import Ingested
from closecast.platform.registry import MODEL_FOLDER, ModelRegistry, NoChampionError, Served

TWIN_FOLDER = "evaluation"  # in a run's artifacts: the booster that has not seen the held-out rows


@dataclass(frozen=True)
class Published:
    """What came of a candidate: its version, and whether and why it is champion."""

    version: str
    run_id: str
    decision: promotion.Decision
    card: ModelCard


def publish(
    candidate: Candidate,
    data: Ingested,
    tracking_uri: str,
    *,
    seed: int,
    by: str,
    at: datetime,
    git_commit: str | None,
) -> Published:
    """Log the candidate's run, decide, register its version, and make it champion if the decision says so.

    `by` and `at` (with its time zone) are written beside the decision. Raises RegistryError when MLflow is out of reach.
    """
    card = _card(candidate, data, at, git_commit)
    registry = ModelRegistry(tracking_uri)
    with tracking.started(tracking_uri, f"train {data.source}") as run, tempfile.TemporaryDirectory() as scratch:
        for booster, name in ((candidate.booster, MODEL_FOLDER), (candidate.twin, TWIN_FOLDER)):
            DealModel(booster, card).save(Path(scratch) / name)
            run.log_folder(Path(scratch) / name, name)
        champion, without = _champion_metrics(registry, card, candidate, Path(scratch))
        decision = promotion.decide(candidate.metrics, candidate.references, champion, without)
        evidence = {
            "decision": "promoted" if decision.promoted else "refused",
            "decision_reasons": "; ".join(decision.reasons),
            "decision_evidence": json.dumps(
                {"candidate": candidate.metrics, "references": candidate.references, "champion": champion}
            ),
            "decision_by": by,
            "decision_at": at.isoformat(timespec="seconds"),
        }
        origin = {
            "source": card.source,
            "source_sha256": card.source_sha256,
            "data_as_of": card.data_as_of,
            "cut": card.cut,
            "bronze_key": data.bronze_key,
            "silver_key": data.silver_key,
            "quarantine_key": data.quarantine_key or "none: no row was rejected",
            "features": ",".join(features.NAMES),
            "git_commit": git_commit or "unknown",
        }
        parameters = {**training.PARAMETERS, "rounds": training.ROUNDS, "seed": seed,
                      "horizons": DEFAULT_HORIZONS, "cut": card.cut, "source": card.source}  # fmt: skip
        theirs = {f"champion_{name}": value for name, value in (champion or {}).items()}
        counts = {f"rows_{name}": float(count) for name, count in card.rows.items()}
        run.log(parameters, {**candidate.metrics, **candidate.references, **theirs, **counts}, {**origin, **evidence})
        version = registry.register(run.run_id, origin)
        if decision.promoted:
            registry.promote(version, evidence)
        else:
            registry.record(version, evidence)
    return Published(version, run.run_id, decision, card)


def _card(candidate: Candidate, data: Ingested, at: datetime, git_commit: str | None) -> ModelCard:
    return ModelCard(
        trained_at=at.isoformat(timespec="seconds"),
        source=data.source,
        source_sha256=data.source_sha256,
        data_as_of=candidate.plan.end.isoformat(),
        deals_key=data.silver_key,
        feature_names=features.NAMES,
        horizons=DEFAULT_HORIZONS,
        cut=candidate.plan.cut.isoformat(),
        metrics=candidate.metrics,
        reference_metrics=candidate.references,
        rows={"accepted": data.rows_accepted, "rejected": data.rows_rejected, **candidate.rows},
        git_commit=git_commit,
    )


def _champion_metrics(
    registry: ModelRegistry, card: ModelCard, candidate: Candidate, scratch: Path
) -> tuple[dict[str, float] | None, str]:
    """The champion's twin on the candidate's held-out rows, or None and why it was not measured."""
    try:
        served: Served = registry.champion(scratch / "champion")
        reason = promotion.incomparable(card, served.model.card)
        if reason is not None:
            return None, reason
        twin = DealModel.load(registry.download(served.version, TWIN_FOLDER, scratch / "twin"))
    except NoChampionError:
        return None, "there is no champion yet"
    except ModelError as error:
        return None, f"the champion cannot be used by this version: {error}"
    return evaluation.measure(twin.booster, candidate.held_out), ""
