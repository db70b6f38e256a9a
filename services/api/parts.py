"""Everything the service is made of, and the order in which it starts and ends."""

import os

from closecast.platform.registry import Identity, ModelRegistry
from services.api import traces
from services.api.batch_desk import BatchDesk
from services.api.batch_lane import BatchLane
from services.api.champion import Champion
from services.api.doors import Doors
from services.api.explanation_cache import ExplanationCache
from services.api.explanations import Explainer
from services.api.history import HistoryFollower
from services.api.logs import log
from services.api.metrics import Metrics
from services.api.predictor import Predictor
from services.api.records import Records
from services.api.registry_events import RegistryEvents
from services.api.settings import Settings


class Parts:
    """Collaborators of the handlers, made from the settings; nothing runs before `start`."""

    def __init__(self, settings: Settings) -> None:
        self.metrics, self.spans = Metrics(), traces.provider(os.environ)
        self.doors = Doors(settings)
        self.champion = Champion(
            ModelRegistry(settings.registry.tracking_uri, settings.registry.trusted, settings.registry.login),
            settings.model_cache,
            promoted=self._promoted,
            refused=lambda _model: self.metrics.refusals.inc(),
        )
        self.journal = None if settings.recording is None else settings.recording.shipper()
        self.predictor = Predictor(self.champion, self.journal, self.metrics)
        self.explainer = Explainer(ExplanationCache(settings.cache or _nowhere))
        self.batches = BatchLane()
        self.desk = BatchDesk(self.champion, self.doors, self.batches, self.metrics)
        self.records = Records(settings.database or _nowhere)
        self.history = (
            None if settings.lake is None else HistoryFollower(self.champion, settings.lake, settings.model_cache)
        )
        self.events = (
            None
            if settings.events is None
            else RegistryEvents(settings.events, self.champion.wake, settings.cache or _nowhere)
        )
        self.metrics.figures(self._figures)

    def collaborators(self) -> dict[str, object]:
        """What handlers ask for, by name."""
        names = ("champion", "doors", "predictor", "explainer", "records", "metrics", "desk")
        return {name: getattr(self, name) for name in names} | {"registry_events": self.events}

    def start(self) -> None:
        """Start every part's own thread."""
        if self.journal is None:
            log("journal", level="warning", problem="CLOSECAST_CACHE_URL is not set: answers are not written down")
        else:
            self.journal.start()
        self.doors.start()
        self.champion.start()
        if self.history is not None:
            self.history.start()
        if self.events is not None:
            self.events.start()

    def stop(self) -> None:
        """End them, those last that others hand something to."""
        if self.events is not None:
            self.events.stop()
        if self.history is not None:
            self.history.stop()
        self.champion.stop()
        self.batches.close()
        self.explainer.cache.close()
        self.doors.stop()
        if self.journal is not None and (lost := self.journal.close()):
            log("journal", level="error", problem=f"{lost} messages found room neither in the stream nor in the spool")
        if self.spans is not None:
            self.spans.shutdown()  # sends what has gathered

    def _promoted(self, model: Identity, before: Identity | None) -> None:
        self.metrics.swaps.inc()
        self.doors.saw_promotion(model, before)

    def _figures(self) -> dict[str, float]:
        served = self.champion.status().served
        self.metrics.serves(None if served is None else served.identity)
        cache = self.explainer.cache
        figures = {
            "model_problem": float(self.champion.status().problem is not None),
            **self.doors.figures(),
            "explanation_cache_hits_total": cache.hits,
            "explanation_cache_misses_total": cache.misses,
            "explanation_cache_failures_total": cache.failures,
        }
        figures |= {
            "batches_answered_total": self.batches.answered,
            "batches_turned_away_total": self.batches.turned_away,
            "batch_worker_restarts_total": self.batches.restarts,
        }
        if self.journal is not None:
            standing = self.journal.standing()
            figures |= {
                "journal_waiting": standing.waiting,
                "journal_unconfirmed_bytes": standing.unconfirmed_bytes,
                "journal_spool_bytes": standing.spool_bytes,
                "journal_spool_limit_bytes": standing.spool_limit,
                "journal_lag_seconds": standing.lag_seconds,
                "journal_shipped_total": standing.shipped,
                "journal_spooled_total": standing.spooled,
                "journal_refused_total": standing.refused,
                "journal_unwritable_total": standing.unwritable,
                "journal_failing": float(standing.problem is not None),
            }
        return figures


def _nowhere() -> None:
    return None
