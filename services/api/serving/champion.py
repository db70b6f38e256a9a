"""Hold the model that serves, and follow the registry's alias: a new champion is loaded, a failure changes nothing."""

import gc
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from closecast.models.deal_model import DealModel, ModelError
from closecast.platform.mlflow.registry import (
    Identity,
    LostError,
    ModelRegistry,
    NoChampionError,
    RegistryError,
    Served,
)
from closecast.platform.runtime.background import BackgroundWorker
from closecast.scoring import one
from services.api.problems import UnavailableError

_LOG = logging.getLogger(__name__)

POLL_SECONDS = 1.5
_REFUSED_SECONDS = 60.0  # until a model that could not be used is tried again
_LOST_SECONDS = 5.0  # the same for lost artifacts: a restarted store is soon filled again
_STORED_SECONDS = 60.0  # interval of checks of the served model's artifacts
_CURRENT = "current.json"


@dataclass(frozen=True)
class Status:
    """The follower's state: the model it serves, the current problem, if any, and whether the instance has started.

    It has once it serves what the registry calls champion, or the registry has called none so; while the registry does
    not answer, with the last champion that is known here. A champion that was refused leaves it as it was.
    """

    served: Served | None
    problem: str | None
    started: bool = False


class Champion:
    """The champion of `registry`, kept in `cache` so that it still serves after a restart while the registry is away.

    A thread polls the alias; readers call `status()`, which never waits.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        cache: Path,
        poll_seconds: float = POLL_SECONDS,
        promoted: Callable[[Identity, Identity | None, datetime], None] = lambda _model, _before, _named_at: None,
        refused: Callable[[Identity], None] = lambda _model: None,
        stored_seconds: float = _STORED_SECONDS,
    ) -> None:
        """`promoted` and `refused` are called in the follower's thread.

        `promoted` gets each newly loaded model, the one before, and when the registry was asked; `refused` each
        champion that could not be loaded.
        The registry's artifacts of the served model are checked every `stored_seconds`.
        """
        self._registry = registry
        self._promoted, self._told_refused = promoted, refused
        self._cache = cache
        self._poll_seconds = poll_seconds
        self._status = Status(None, "no model has been looked for yet")
        self._change = threading.Lock()
        self._left_alone: dict[Identity, float] = {}  # until when
        self._stored_seconds = stored_seconds
        self._stored_due = float("-inf")  # when they are to be checked next
        self._stored_problem: str | None = None
        self._proved = False  # by the registry, that what serves is right; it stays so
        self._worker = BackgroundWorker(
            "champion", self._follow, self._set, retry_seconds=poll_seconds, describe=_described, stop_seconds=10.0
        )

    def status(self) -> Status:
        """The current state, which is replaced atomically."""
        return self._status

    def serving(self) -> Served:
        """The served model. Raises UnavailableError with the reason while there is none."""
        status = self._status
        if status.served is None:
            raise UnavailableError(f"no model serves yet: {status.problem}")
        return status.served

    def start(self) -> None:
        """Load the last known champion from disk, then follow the registry."""
        kept = self._kept()
        if kept is not None:
            self._status = Status(kept, "the registry has not been asked yet")
            _LOG.info("model", extra={"version": kept.version, "run": kept.identity.run_id, "origin": "local cache"})
        self._worker.start()

    def stop(self) -> None:
        """Stop the thread, waiting for one request to the registry at most."""
        self._worker.stop()

    def wake(self) -> None:
        """Poll the registry now. Returns at once; any thread may call it."""
        self._worker.wake()

    def refresh(self, before: Served, model: DealModel) -> bool:
        """Replace `before` by `model`, the same model with a later history, unless it no longer serves."""
        with self._change:
            if self._status.served is not before:
                return False
            self._status = replace(self._status, served=replace(before, model=model))
            return True

    def _follow(self) -> float:
        self.look()
        self._worker.settle()
        return self._poll_seconds

    def look(self) -> None:
        """Poll the alias once, and load the champion if it is another model."""
        served, named, asked_at = self._status.served, None, datetime.now(UTC)
        try:
            named = self._registry.champion_identity()
            if named is None:
                self._proved = True
                raise NoChampionError(_no_champion(served))
            if served is None or not named.is_same(served.identity):
                if time.monotonic() < self._left_alone.get(named, float("-inf")):
                    return
                taken = self._load(named)
                self._set(None, taken)
                self._promoted(taken.identity, None if served is None else served.identity, asked_at)
            self._proved = True
            self._set(self._missing(named))
        except ModelError as error:
            self._refuse(named, _REFUSED_SECONDS, f"{named} was refused: {error}")
        except LostError as error:
            self._refuse(named, _LOST_SECONDS, f"{named} cannot be taken up, its artifacts are gone: {error}")
        except RegistryError as error:
            self._set(str(error), started=self._status.served is not None and not self._left_alone)

    def _load(self, model: Identity) -> Served:
        before = self._status.served
        served = self._registry.served(model, self._cache)
        _warm_up(served)
        facts = {**asdict(served.identity), "folder": served.folder.name}
        partial = self._cache / f"{_CURRENT}.{threading.get_native_id()}"
        partial.write_text(json.dumps(facts))
        partial.replace(self._cache / _CURRENT)
        self._stored_due, self._stored_problem = time.monotonic() + self._stored_seconds, None
        _LOG.info(
            "model",
            extra={"version": served.version, "run": model.run_id, "origin": "registry", "before": _version(before)},
        )
        return served

    def _missing(self, model: Identity) -> str | None:
        """The problem if the registry has lost artifacts of the served `model`; checked at intervals."""
        if time.monotonic() >= self._stored_due:
            self._stored_due, self._stored_problem = time.monotonic() + self._stored_seconds, None
            try:
                self._registry.check_stored(model)
            except LostError as error:
                self._stored_due = min(self._stored_due, time.monotonic() + _LOST_SECONDS)
                self._stored_problem = (
                    f"{model} serves from this machine's copy, its artifacts are gone, and no instance without a copy could "
                    f"serve it: {error}: restore them, or train a new model"
                )
        return self._stored_problem

    def _refuse(self, model: Identity | None, seconds: float, problem: str) -> None:
        if model is not None:
            if model not in self._left_alone:
                self._told_refused(model)
            self._left_alone[model] = time.monotonic() + seconds
        self._set(problem)

    def _kept(self) -> Served | None:
        try:
            current = json.loads((self._cache / _CURRENT).read_text())
            model = Identity(current["version"], current["run_id"], current["sha256"], current.get("signature"))
            # The folder's name is derived from run and hash: a path read from a file could lead anywhere.
            kept = self._registry.read(model, self._cache / Path(current["folder"]).name)
            _warm_up(kept)
            return kept
        except FileNotFoundError:
            return None
        except (ModelError, OSError, ValueError, KeyError, TypeError) as error:
            # The registry is authoritative; without it the instance reports that it is not ready, and why.
            _LOG.warning("model", extra={"origin": "local cache", "problem": str(error)})
            return None

    def _set(self, problem: str | None, served: Served | None = None, *, started: bool = False) -> None:
        """Set the current problem, and the served model if it is another.

        `started` counts until the registry has proved what serves.
        """
        with self._change:
            if problem != self._status.problem and problem is not None:
                _LOG.warning("model", extra={"version": _version(self._status.served), "problem": problem})
            self._status = Status(served or self._status.served, problem, self._proved or started)


def _warm_up(served: Served) -> None:
    """Replay the golden rows, and make the tables that most requests ask for. Raises ModelError."""
    served.model.replay(served.folder)
    one.prepare(served.model)
    # Freeze permanent objects, so that the garbage collector need not scan them while requests wait.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    if served.model.single.fallback is not None:
        _LOG.warning("model", extra={"version": served.version, "problem": served.model.single.fallback})


def _described(error: Exception) -> str:
    return f"looking for the champion failed: {type(error).__name__}: {error}"


def _version(served: Served | None) -> str | None:
    return None if served is None else served.version


def _no_champion(served: Served | None) -> str:
    if served is None:
        return "the registry has no champion yet: the first model is still to be trained"
    return (
        f"the registry has no champion any more, and {served.identity} goes on serving: `just rollback` makes the last "
        "champion so again if its version is left; else train a new model"
    )
