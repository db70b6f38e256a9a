"""What is said of a candidate by itself: its card, its speed, and what the gate decides where there is no champion."""

import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from closecast import features
from closecast.deals.snapshots import DEFAULT_HORIZONS
from closecast.models import promotion
from closecast.models.candidate import Candidate, baseline
from closecast.models.card import ModelCard, unknown_entities
from closecast.models.evidence import Export
from closecast.models.promotion import Cost
from closecast.platform.lake.ingestion import Ingested


@dataclass(frozen=True)
class Judged:
    """All figures of a candidate with the gate's decision, and what would serve: itself, its baseline or nothing."""

    report: dict[str, Any]
    serves: Candidate | None


def make_card(candidate: Candidate, data: Ingested, at: datetime, git_commit: str | None) -> ModelCard:
    """Make the model card of the candidate's served model."""
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
        kind=candidate.kind,
        mapping=data.mapping,
        currency=data.currency,
        unknown=unknown_entities(data.deals),
        pseudonymised=data.pseudonymised,
    )


def judge_alone(candidate: Candidate, threads: int = 1) -> Judged:
    """The gate's decision on `candidate` without a champion. Nothing is registered.

    In the report, "serves" is "model", "baseline" or None, and "baseline" has the baseline's figures where the candidate
    is refused.
    """
    cost = Cost(latency(candidate), len(candidate.twin.booster.text))
    export = Export.of(candidate.data)
    decision = promotion.decide(candidate.held_out, cost, "evaluated alone", export=export)
    report = {**candidate.report(), "decision": decision.as_dict()}
    if decision.promoted:
        return Judged({**report, "serves": candidate.kind}, candidate)
    instead = baseline(candidate, threads)
    second = promotion.decide_on_baseline(instead.held_out, is_vacant=True, export=export)
    serves = instead if second.promoted else None
    found = {"metrics": instead.metrics(), "decision": second.as_dict()}
    return Judged({**report, "serves": serves.kind if serves else None, "baseline": found}, serves)


def latency(candidate: Candidate) -> float:
    """Median time of one prediction from ready features, in milliseconds."""
    row = candidate.splits[0].test.matrix[:1]
    taken = []
    for _ in range(50):
        begin = time.perf_counter()
        candidate.scorer.predict(row)
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken)) * 1_000
