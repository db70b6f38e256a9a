"""The service's components, and the order in which they start and stop."""

import logging
import os
from collections.abc import Callable
from datetime import datetime

from closecast.platform.mlflow.registry import Identity, ModelRegistry
from closecast.scoring.own_columns import OwnColumns, own_columns
from services.api.access.callers import Callers
from services.api.batch.request import BatchRequests
from services.api.batch.supervisor import BatchSupervisor
from services.api.checks.checks import ExportChecks
from services.api.records.database import Records
from services.api.records.runs import Runs
from services.api.serving.champion import Champion
from services.api.serving.deals import Deals
from services.api.serving.evaluations import Evaluations
from services.api.serving.explanation_cache import ExplanationCache
from services.api.serving.explanations import Explainer
from services.api.serving.forecasts import Forecasts
from services.api.serving.history import HistoryFollower
from services.api.serving.operations import Condition
from services.api.serving.predictor import Predictor
from services.api.serving.pseudonyms import Pseudonyms
from services.api.serving.ranking import Rankings
from services.api.serving.registry_events import RegistryEvents
from services.api.serving.rollback import Rollbacks
from services.api.settings import Settings
from services.api.telemetry import traces
from services.api.telemetry.metrics import Metrics

_LOG = logging.getLogger(__name__)


class Container:
    """The handlers' dependencies, made from the settings; nothing runs before `start`."""

    def __init__(self, settings: Settings) -> None:
        self.metrics, self.spans = Metrics(), traces.provider(os.environ)
        self.callers = Callers(settings)
        registry = ModelRegistry(settings.registry.tracking_uri, settings.registry.trusted, settings.registry.login)
        self.champion = Champion(
            registry,
            settings.model_cache,
            promoted=self._promoted,
            refused=lambda _model: self.metrics.refusals.inc(),
        )
        self.rollbacks = Rollbacks(registry, settings.database, self.champion)
        self.runs = Runs(settings.registry.tracking_uri)
        self.evaluations = Evaluations(registry, self.runs)
        self.journal = None if settings.recording is None else settings.recording.shipper()
        self.pseudonyms = Pseudonyms(settings.pseudonym_key, settings.model_cache)
        self.predictor = Predictor(self.champion, self.journal, self.metrics, self.pseudonyms)
        self.explainer = Explainer(ExplanationCache(settings.cache or _nowhere), self.pseudonyms)
        self.rankings = Rankings()
        self.forecasts = Forecasts()
        self.deals = Deals(self.explainer, self.pseudonyms)
        self.batch_supervisor = BatchSupervisor()
        self.batches = BatchRequests(self.champion, self.callers, self.batch_supervisor, self.metrics)
        self.checks = ExportChecks()
        self.records = Records(settings.database or _nowhere, self._identifier)
        self.history = (
            None
            if settings.lake is None
            else HistoryFollower(self.champion, settings.lake, settings.model_cache, self.pseudonyms.take)
        )
        self.events = (
            None
            if settings.events is None
            else RegistryEvents(settings.events, self.champion.wake, settings.cache or _nowhere)
        )
        self.metrics.figures(self._figures)
        needs: dict[str, Callable[[], object]] = {"model registry": registry.champion_identity}
        if settings.database is not None:
            needs["database"] = self.records.ping
        if settings.cache is not None:
            needs["cache"] = self.explainer.cache.ping
        if self.history is not None:
            needs["lake"] = self.history.ping
        self.condition = Condition(
            settings.instance, self.champion, self.metrics, needs, self._figures, self.records.flow_runs
        )

    def collaborators(self) -> dict[str, object]:
        """The dependencies that handlers request by name."""
        names = (
            "champion",
            "callers",
            "predictor",
            "explainer",
            "deals",
            "rankings",
            "forecasts",
            "records",
            "metrics",
            "batches",
            "checks",
            "rollbacks",
            "runs",
            "evaluations",
            "condition",
        )
        return {name: getattr(self, name) for name in names} | {"registry_events": self.events}

    def own_columns(self) -> OwnColumns | None:
        """The columns of the CRM whose deals the served model learnt from; None where they are the contract's."""
        served = self.champion.status().served
        return None if served is None else own_columns(served.model.card.mapping)

    def start(self) -> None:
        """Start the threads of all components."""
        if self.journal is None:
            _LOG.warning("journal", extra={"problem": "CLOSECAST_CACHE_URL is not set: predictions are not recorded"})
        else:
            self.journal.start()
        self.callers.start()
        self.champion.start()
        if self.history is not None:
            self.history.start()
        if self.events is not None:
            self.events.start()

    def stop(self) -> None:
        """Stop all components, those last that others send to."""
        if self.events is not None:
            self.events.stop()
        if self.history is not None:
            self.history.stop()
        self.champion.stop()
        self.batch_supervisor.close()
        self.explainer.cache.close()
        self.callers.stop()
        if self.journal is not None and (lost := self.journal.close()):
            _LOG.error(
                "journal", extra={"problem": f"{lost} messages found room neither in the stream nor in the spool"}
            )
        if self.spans is not None:
            self.spans.shutdown()  # sends the collected spans

    def _promoted(self, model: Identity, before: Identity | None, named_at: datetime) -> None:
        self.metrics.swaps.inc()
        self.callers.record_promotion(model, before, named_at)

    def _identifier(self, opportunity_id: str) -> str:
        """The identifier of a deal as it is recorded; with a key, only the served model says which."""
        columns = self.champion.serving().model.card.pseudonymised if self.pseudonyms.has_key else ()
        return self.pseudonyms.identifier(opportunity_id, columns)

    def _figures(self) -> dict[str, float]:
        served = self.champion.status().served
        self.metrics.serves(None if served is None else served.identity)
        cache = self.explainer.cache
        figures = {
            "model_problem": float(self.champion.status().problem is not None),
            **self.callers.figures(),
            "explanation_cache_hits_total": cache.hits,
            "explanation_cache_misses_total": cache.misses,
            "explanation_cache_failures_total": cache.failures,
        }
        figures |= {
            "batches_answered_total": self.batch_supervisor.answered,
            "batches_turned_away_total": self.batch_supervisor.rejected,
            "batch_worker_restarts_total": self.batch_supervisor.restarts,
        }
        if self.journal is not None:
            status = self.journal.status()
            figures |= {
                "journal_waiting": status.waiting,
                "journal_unconfirmed_bytes": status.unconfirmed_bytes,
                "journal_spool_bytes": status.spool_bytes,
                "journal_spool_limit_bytes": status.spool_limit,
                "journal_lag_seconds": status.lag_seconds,
                "journal_shipped_total": status.shipped,
                "journal_spooled_total": status.spooled,
                "journal_refused_total": status.refused,
                "journal_unwritable_total": status.unwritable,
                "journal_failing": float(status.problem is not None),
            }
        return figures


def _nowhere() -> None:
    return None
