"""Follow the alias `shadow`, and score closed batches of predictions with the version that has it."""

import logging
import threading
import time
from contextlib import closing

import psycopg

from closecast.models.deal_model import ModelError
from closecast.platform.database import NotMigratedError, connect_migrated
from closecast.platform.mlflow.registry import Identity, LostError, ModelRegistry, RegistryError
from closecast.platform.shadow import scoring
from closecast.platform.shadow.scoring import Basis, OvertakenError, ShadowError, ShadowModel
from services.shadow.settings import Settings
from services.shadow.status import ShadowStatus

_LOG = logging.getLogger(__name__)

_PAUSE_S = 5.0
_LONGEST_RETRY_S = 60.0
_REFUSED_S = 60.0  # until a model that could not be used is tried again


class Follower:
    """Scores in shadow until it is stopped. `run` is its loop; nothing else uses what it holds."""

    def __init__(self, settings: Settings, status: ShadowStatus) -> None:
        self._settings, self._status = settings, status
        registry = settings.registry
        self._registry = ModelRegistry(registry.tracking_uri, registry.trusted, registry.login)
        self._model: ShadowModel | None = None
        self._named: Identity | None = None  # the version that has the alias
        self._refused: dict[Identity, float] = {}  # until when
        self._bases: dict[str, Basis | None] = {}  # by run

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`, through all outages; they are reported and retried with growing pauses."""
        pause = 0.0
        while not stop.wait(pause):
            try:
                self.look(stop)
                pause = _PAUSE_S
            except RegistryError as error:
                self._status.set("registry", str(error))
                pause = min(2 * max(pause, 1.0), _LONGEST_RETRY_S)
            except NotMigratedError as error:
                self._status.set("database", str(error))
                pause = _PAUSE_S
            except (psycopg.Error, OSError) as error:
                self._status.set("database", str(error).strip() or type(error).__name__)
                pause = min(2 * max(pause, 1.0), _LONGEST_RETRY_S)

    def look(self, stop: threading.Event) -> None:
        """Ask for the alias, load its model if it is another one, and score what is due.

        Raises RegistryError, psycopg.Error and OSError while a server is away.
        """
        with closing(connect_migrated(self._settings.database.url)) as connection:
            self._status.set("database", None)
            try:
                self._follow(connection)
            except LostError as error:
                self._refuse(f"its artifacts are gone: {error}")
            except ModelError as error:
                self._refuse(f"it was refused: {error}")
            self._status.set("registry", None)
            if self._model is not None:
                self._score(connection, self._model, stop)

    def _follow(self, connection: scoring.Connection) -> None:
        named, champion = self._registry.shadow_identity(), self._registry.champion_identity()
        if named is not None and champion is not None and named.is_same(champion):
            named = None  # it has just been promoted
        self._status.follow(named)
        self._named = named
        if named is None:
            self._model = None
            self._status.set("model", None)
            self._status.behind.set(0)
            return
        # Also while it cannot be loaded: what is answered meanwhile is scored later.
        scoring.begin(connection, named)
        if self._model is None or not named.is_same(self._model.identity):
            self._model = None
            if time.monotonic() >= self._refused.get(named, float("-inf")):
                self._model = self._load(named)
                self._status.set("model", None)
                _LOG.info("%s scores in shadow", named)

    def _load(self, named: Identity) -> ShadowModel:
        basis = Basis.of(self._registry.tags(named.version))
        if basis is None:
            raise ModelError("its tags do not say what it learnt from: it was registered by an earlier version")
        served = self._registry.served(named, self._settings.cache)
        served.model.replay(served.folder)
        return ShadowModel(served.identity, served.model.scorer, basis)

    def _score(self, connection: scoring.Connection, model: ShadowModel, stop: threading.Event) -> None:
        """Score all closed batches; what the model itself does wrong ends its turn."""
        try:
            while not stop.is_set() and (
                chunks := scoring.score_batch(connection, model, self._basis_of, self._settings.rate)
            ):
                for done in chunks:
                    self._status.scored.inc(done.scored)
                    self._status.skipped.inc(done.skipped)
                    if stop.is_set():
                        return
                self._status.behind.set(scoring.behind(connection, model.identity.run_id))
        except OvertakenError as error:
            _LOG.info("%s", error)
        except (ShadowError, ValueError) as error:
            self._model = None
            self._refuse(str(error))

    def _basis_of(self, run_id: str) -> Basis | None:
        if run_id not in self._bases:
            self._bases[run_id] = Basis.of(self._registry.run_tags(run_id))
        return self._bases[run_id]

    def _refuse(self, problem: str) -> None:
        if self._named is not None:
            self._refused[self._named] = time.monotonic() + _REFUSED_S
            self._status.set("model", f"{self._named} gives no results: {problem}")
