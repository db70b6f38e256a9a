"""Publish a candidate: log its run, compare it with the champion, register its version and promote it."""

import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from closecast import features
from closecast.deals.snapshots import DEFAULT_HORIZONS
from closecast.models import promotion, replacement
from closecast.models.candidate import Candidate
from closecast.models.card import BASELINE, CHAMPION, ModelCard
from closecast.models.deal_model import DealModel, digest
from closecast.models.evaluation import HeldOut, flat
from closecast.models.evidence import Export
from closecast.models.promotion import Cost, Decision
from closecast.monitoring.reference import Reference
from closecast.platform.lake.ingestion import Ingested
from closecast.platform.measuring import latency, make_card
from closecast.platform.mlflow import model_files, promotions, tracking
from closecast.platform.mlflow.champions import Change
from closecast.platform.mlflow.comparison import LOSS_SECONDS, ChampionComparison, compare_with_champion
from closecast.platform.mlflow.registry import (
    CHALLENGER_ROLE,
    DIGEST_TAG,
    FORMER_ROLE,
    MODEL_FOLDER,
    MODEL_NAME,
    REFERENCE_FOLDER,
    REPORT_FOLDER,
    SOURCE_TAG,
    TWIN_FOLDER,
    Identity,
    ModelRegistry,
)
from closecast.platform.mlflow.run_artifacts import write_report
from closecast.platform.runtime import processors
from closecast.platform.settings import DatabaseSettings, Login
from closecast.platform.signatures import SIGNATURE_TAG, Signer, TrustedKeys

_MEASURES = 3  # attempts, if the champion is changed by hand meanwhile


@dataclass(frozen=True)
class Published:
    """A published candidate: its version and the gate's decision."""

    version: str
    run_id: str
    experiment_id: str
    decision: Decision
    card: ModelCard
    report: dict[str, Any]
    is_vacant: bool  # whether a baseline may serve if this was refused
    champion_has_other_deals: bool  # the champion it was compared with was trained on deals of another company
    is_in_shadow: bool  # the gate accepted it, and it goes to shadow first


def publish(
    candidate: Candidate,
    data: Ingested,
    tracking_uri: str,
    *,
    lock: DatabaseSettings,
    gold_key: str,
    by: str,
    at: datetime,
    git_commit: str | None,
    signer: Signer | None = None,
    trusted: TrustedKeys | None = None,
    login: Login | None = None,
    loss_seconds: float = LOSS_SECONDS,
    is_platforms_source: bool = False,
    shadow_first: bool = False,
) -> Published:
    """Log the candidate's run, decide, register its version as challenger, and make it champion if the decision says so.

    The lock in the database `lock` allows one process at a time, so the champion of the decision is the one that is
    replaced. If the alias is moved by hand meanwhile, the new champion is measured.

    A champion that is replaced stays in shadow (closecast.platform.shadow). With `shadow_first` a candidate that the gate accepts
    goes to shadow itself, and outcomes decide; but not where the two could not be compared there: without a champion, beside a
    baseline, and with another source or fiscal year.

    `by` and `at` (with a time zone) are recorded with the decision. `signer` signs the model: services with public keys
    load no unsigned model. There is no comparison with a champion that no key of `trusted` has signed, if there are
    keys, or whose artifacts have been gone for `loss_seconds`. MLflow's client takes its login from the environment
    (MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD); `login` must be the same. For data of the platform's own source
    (`is_platforms_source`) a model of other deals counts as none. Raises RegistryError when MLflow is
    out of reach, and its subclass PromotionError when the lock cannot be acquired.
    """
    card = make_card(candidate, data, at, git_commit)
    registry = ModelRegistry(tracking_uri, trusted, login)
    figures, milliseconds = candidate.report(), latency(candidate)  # before taking the lock
    export, reference = Export.of(candidate.data), Reference.of(candidate, processors.usable())
    version: Identity | None = None
    with (
        promotions.hold_promotion_lock(lock.url, by) as held_lock,
        tracking.started(tracking_uri, f"train {data.source}") as run,
        tempfile.TemporaryDirectory() as scratch,
    ):
        registry.check_place(run.run_id)  # MLflow's own client reports a missing bucket as "too many 500 responses"
        folder = Path(scratch)
        model = DealModel(candidate.scorer, card, data.deals)
        size = candidate.twin.save(folder / TWIN_FOLDER)
        reference.save(folder / REFERENCE_FOLDER)
        beside_it = {name: digest(folder / name) for name in (TWIN_FOLDER, REFERENCE_FOLDER)}
        model.save(folder / MODEL_FOLDER, beside_it)
        model_files.write(folder / MODEL_FOLDER, model, beside_it)
        cost = Cost(milliseconds, size)
        sha256 = digest(folder / MODEL_FOLDER)
        origin = _origin(card, data, gold_key, git_commit, sha256)
        if signer is not None:
            origin[SIGNATURE_TAG] = signer.sign(MODEL_NAME, run.run_id, sha256)
        parameters = {
            **candidate.settings.as_dict(),
            "rounds": card.rounds,
            "seed": card.seed,
            "horizons": DEFAULT_HORIZONS,
            "cut": card.cut,
            "source": card.source,
        }
        counts = {f"rows_{name}": float(count) for name, count in card.rows.items()}
        run.log_dataset(card.source, card.source_sha256, data.silver_key, len(data.deals))
        for name in (MODEL_FOLDER, TWIN_FOLDER, REFERENCE_FOLDER):
            run.log_folder(folder / name, name)
        for _ in range(_MEASURES):
            comparison = compare_with_champion(registry, card, candidate, loss_seconds, is_platforms_source)
            has_other_deals = comparison.has_other_deals
            is_vacant = replacement.is_vacant(card, comparison.card, has_other_deals and is_platforms_source)
            beside = _comparable_in_shadow(card, comparison)
            goes_to_shadow = shadow_first and beside is not None
            decision = (
                promotion.decide_on_baseline(comparison.held_out, is_vacant, comparison.checks, export)
                if candidate.kind == BASELINE
                else promotion.decide(
                    comparison.held_out, cost, comparison.reason, comparison.checks, export, goes_to_shadow
                )
            )
            compared = None if comparison.champion is None else asdict(comparison.champion)
            report = {**figures, "decision": decision.as_dict(), "champion": compared}
            write_report(folder / REPORT_FOLDER, model, report, decision, by, at)
            run.log_folder(folder / REPORT_FOLDER, REPORT_FOLDER)
            is_in_shadow = decision.promoted and goes_to_shadow
            evidence = _evidence(decision, by, at, comparison.champion)
            if is_in_shadow:
                evidence["decision"] = "in shadow"
            theirs = _flat_of_champion(comparison.held_out)
            run.log(parameters, {**card.metrics, **card.reference_metrics, **theirs, **counts}, {**origin, **evidence})
            if version is None:
                version = registry.identity(registry.register(run.run_id, origin))
            registry.challenge(version.version, evidence)
            if is_in_shadow:
                registry.put_in_shadow(version.version, CHALLENGER_ROLE, at)
            elif decision.promoted and beside is not None:
                # Before the promotion, which is the last step: a champion that is in shadow too is not scored there.
                registry.put_in_shadow(beside.version, FORMER_ROLE, at)
            stays = is_in_shadow or not decision.promoted
            change = Change(reason="; ".join(decision.reasons))
            if stays or held_lock.promote(registry, version, comparison.champion, change):
                return Published(
                    version.version,
                    run.run_id,
                    run.experiment_id,
                    decision,
                    card,
                    report,
                    is_vacant,
                    has_other_deals,
                    is_in_shadow,
                )
        assert version is not None  # it was measured at least once
        why = f"somebody else changed the champion each of the {_MEASURES} times that this was measured against it"
        registry.challenge(version.version, {"decision": "refused", "decision_reasons": why})
        raise promotions.PromotionError(
            f"{version} was not promoted: {why}; find out who moves the alias `champion` by hand, then train again"
        )


def _origin(card: ModelCard, data: Ingested, gold_key: str, git_commit: str | None, sha256: str) -> dict[str, str]:
    """The model's inputs and its hash, as tags of its run and version."""
    return {
        SOURCE_TAG: card.source,
        "source_sha256": card.source_sha256,
        "data_as_of": card.data_as_of,
        "cut": card.cut,
        "fiscal_year_start": str(card.fiscal_year_start),
        "kind": card.kind,
        "bronze_key": data.bronze_key,
        "silver_key": data.silver_key,
        "gold_key": gold_key,
        "quarantine_key": data.quarantine_key or "none: no row was rejected",
        "features": ",".join(features.NAMES),
        "git_commit": git_commit or "unknown",
        DIGEST_TAG: sha256,
    }


def _comparable_in_shadow(card: ModelCard, comparison: ChampionComparison) -> Identity | None:
    """The champion, where it and the candidate can be compared in shadow: they are given the same features."""
    theirs = comparison.card
    if comparison.champion is None or comparison.reason is not None or theirs is None:
        return None
    is_same = (theirs.source, theirs.fiscal_year_start) == (card.source, card.fiscal_year_start)
    return comparison.champion if is_same and BASELINE not in (theirs.kind, card.kind) else None


def _evidence(decision: Decision, by: str, at: datetime, champion: Identity | None) -> dict[str, str]:
    """The decision and its checks, as tags."""
    return {
        "decision": "promoted" if decision.promoted else "refused",
        "decision_reasons": "; ".join(decision.reasons)[:4_900],
        "decision_by": by,
        "decision_at": at.isoformat(timespec="seconds"),
        "decision_champion": str(champion or "none"),
    }


def _flat_of_champion(found: tuple[HeldOut, ...]) -> dict[str, float]:
    if CHAMPION not in found[0].predictions:
        return {}
    return {f"champion_{name}": value for name, value in flat(found, CHAMPION).items()}
