"""Publishes a candidate: its MLflow run, the decision against the champion, the registered version, the promotion."""

import tempfile
import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from closecast import features
from closecast.deals.snapshots import DEFAULT_HORIZONS
from closecast.models import promotion
from closecast.models.candidate import Candidate
from closecast.models.deal_model import DealModel, ModelCard, ModelError
from closecast.models.evaluation import HeldOut, Split, flat
from closecast.models.evidence import Export
from closecast.models.promotion import CHAMPION, Check, Cost, Decision
from closecast.models.scorer import Scorer
from closecast.platform import tracking
from closecast.platform.ingestion import Ingested
from closecast.platform.registry import MODEL_FOLDER, ModelRegistry, NoChampionError
from closecast.platform.run_artifacts import write_artifacts

TWIN_FOLDER = "evaluation"  # in a run's artifacts: the booster that has not seen the held-out rows
REPORT_FOLDER = "report"


@dataclass(frozen=True)
class Published:
    """What came of a candidate: its version, and whether and why it is champion."""

    version: str
    run_id: str
    experiment_id: str
    decision: Decision
    card: ModelCard
    report: dict[str, Any]


def publish(
    candidate: Candidate,
    data: Ingested,
    tracking_uri: str,
    *,
    gold_key: str,
    by: str,
    at: datetime,
    git_commit: str | None,
) -> Published:
    """Log the candidate's run, decide, register its version as challenger, and make it champion if the decision says so.

    `by` and `at` (with its time zone) are written beside the decision. Raises RegistryError when MLflow is out of reach.
    """
    card = make_card(candidate, data, at, git_commit)
    registry = ModelRegistry(tracking_uri)
    with tracking.started(tracking_uri, f"train {data.source}") as run, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = DealModel(candidate.scorer, card, data.deals)
        model.save(folder / MODEL_FOLDER)
        size = candidate.twin.save(folder / TWIN_FOLDER)
        found, champion, origin = _beside_champion(registry, card, candidate, folder)
        decision = promotion.decide(found, Cost(latency(candidate), size), champion, origin, Export.of(candidate.data))
        report = {**candidate.report(), "decision": decision.as_dict()}
        write_artifacts(folder, model, report, decision, by, at)
        for name in (MODEL_FOLDER, TWIN_FOLDER, REPORT_FOLDER):
            run.log_folder(folder / name, name)
        evidence = {
            "decision": "promoted" if decision.promoted else "refused",
            "decision_reasons": "; ".join(decision.reasons)[:4_900],
            "decision_by": by,
            "decision_at": at.isoformat(timespec="seconds"),
        }
        origin_tags = {
            "source": card.source,
            "source_sha256": card.source_sha256,
            "data_as_of": card.data_as_of,
            "cut": card.cut,
            "fiscal_year_start": str(card.fiscal_year_start),
            "bronze_key": data.bronze_key,
            "silver_key": data.silver_key,
            "gold_key": gold_key,
            "quarantine_key": data.quarantine_key or "none: no row was rejected",
            "features": ",".join(features.NAMES),
            "git_commit": git_commit or "unknown",
        }
        parameters = {**candidate.settings.as_dict(), "rounds": card.rounds, "seed": card.seed,
                      "horizons": DEFAULT_HORIZONS, "cut": card.cut, "source": card.source}  # fmt: skip
        theirs = _flat_of_champion(found)
        counts = {f"rows_{name}": float(count) for name, count in card.rows.items()}
        run.log(parameters, {**card.metrics, **card.reference_metrics, **theirs, **counts}, {**origin_tags, **evidence})
        run.log_dataset(card.source, card.source_sha256, data.silver_key, len(data.deals))
        version = registry.register(run.run_id, origin_tags)
        registry.challenge(version, evidence)
        if decision.promoted:
            registry.promote(version)
    return Published(version, run.run_id, run.experiment_id, decision, card, report)


def make_card(candidate: Candidate, data: Ingested, at: datetime, git_commit: str | None) -> ModelCard:
    """What is known of the candidate's served model."""
    return ModelCard(
        trained_at=at.isoformat(timespec="seconds"),
        source=data.source,
        source_sha256=data.source_sha256,
        data_as_of=candidate.plan.end.isoformat(),
        deals_key=data.silver_key,
        feature_names=features.NAMES,
        horizons=DEFAULT_HORIZONS,
        cut=candidate.plan.cut.isoformat(),
        metrics=candidate.metrics(),
        reference_metrics=candidate.references(),
        rows={"accepted": data.rows_accepted, "rejected": data.rows_rejected, **candidate.rows},
        hyperparameters=candidate.settings.as_dict(),
        rounds=candidate.schedule.rounds,
        calibration=asdict(candidate.scorer.calibration),
        seed=candidate.seed,
        quality=data.quality.score,
        git_commit=git_commit,
        fiscal_year_start=candidate.data.fiscal.first_month,
    )


def judged_alone(candidate: Candidate) -> dict[str, Any]:
    """Every figure of the candidate, and what the gate would say if there were no champion. Nothing is registered."""
    cost = Cost(latency(candidate), len(candidate.twin.booster.model_to_string()))
    decision = promotion.decide(candidate.held_out, cost, "evaluated alone", export=Export.of(candidate.data))
    return {**candidate.report(), "decision": decision.as_dict()}


def latency(candidate: Candidate) -> float:
    """Median time of one prediction from ready features, in milliseconds."""
    row = candidate.splits[0].test.matrix[:1]
    taken = []
    for _ in range(50):
        begin = time.perf_counter()
        candidate.scorer.predict(row)
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken)) * 1_000


def _beside_champion(
    registry: ModelRegistry, card: ModelCard, candidate: Candidate, scratch: Path
) -> tuple[tuple[HeldOut, ...], str | None, tuple[Check, ...]]:
    """The held-out rows, with the champion's predictions where they can be had, else why not; and the check of origin."""
    try:
        served = registry.champion(scratch / "champion")
        # No service takes up one that answers otherwise than when it was made (other features, say): it is no champion.
        served.model.replay(served.folder)
        origin = (promotion.origin(card, served.model.card),)
        reason = promotion.incomparable(card, served.model.card)
        if reason is not None:
            return candidate.held_out, reason, origin
        twin = Scorer.load(registry.download(served.version, TWIN_FOLDER, scratch / "twin"))
    except NoChampionError:
        return candidate.held_out, "there is no champion yet", ()
    except ModelError as error:
        return candidate.held_out, f"the champion cannot be used by this version: {error}", ()
    found = tuple(
        _with_champion(part, split, twin) for part, split in zip(candidate.held_out, candidate.splits, strict=True)
    )
    return found, None, origin


def _with_champion(part: HeldOut, split: Split, twin: Scorer) -> HeldOut:
    return replace(part, predictions={**part.predictions, CHAMPION: twin.predict(split.test.matrix)})


def _flat_of_champion(found: tuple[HeldOut, ...]) -> dict[str, float]:
    if CHAMPION not in found[0].predictions:
        return {}
    return {f"champion_{name}": value for name, value in flat(found, CHAMPION).items()}
