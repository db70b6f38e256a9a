"""Holds the model that serves and follows the registry's alias: another model is taken up, a failure changes nothing."""

import gc
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
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
_REFUSED_SECONDS = 60.0  # how long a model that could not be used is left alone
_LOST_SECONDS = 5.0  # likewise one whose artifacts are gone: a store that was restarted is soon filled again
_STORED_SECONDS = 60.0  # how often it is looked after the artifacts of what serves
_CURRENT = "current.json"


@dataclass(frozen=True)
class Status:
    """Where the follower stands: the model it serves, and what went wrong last, if it still does."""

    served: Served | None
    problem: str | None


class Champion:
    """The champion of `registry`, kept in `cache` so that a restart while the registry is away serves it still.

    One thread of its own asks for the alias; readers take `status()`, which never waits.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        cache: Path,
        poll_seconds: float = POLL_SECONDS,
        promoted: Callable[[Identity, Identity | None], None] = lambda _model, _before: None,
        refused: Callable[[Identity], None] = lambda _model: None,
        stored_seconds: float = _STORED_SECONDS,
    ) -> None:
        """In the follower's thread, `promoted` is told of each model that was taken up from the registry and the one
        before, and `refused` of each that bore the alias and was not taken up. Every `stored_seconds` it is asked whether
        the registry still has the artifacts of what serves."""
        self._registry = registry
        self._promoted, self._told_refused = promoted, refused
        self._cache = cache
        self._poll_seconds = poll_seconds
        self._status = Status(None, "no model has been looked for yet")
        self._change = threading.Lock()
        self._left_alone: dict[Identity, float] = {}  # until when
        self._stored_seconds = stored_seconds
        self._stored_asked = float("-inf")
        self._stored_problem: str | None = None
        self._worker = BackgroundWorker(
            "champion", self._follow, self._set, retry_seconds=poll_seconds, describe=_described, stop_seconds=10.0
        )

    def status(self) -> Status:
        """The state of this moment, whole: a swap replaces it in one step."""
        return self._status

    def serving(self) -> Served:
        """What serves now. Raises UnavailableError with the reason while nothing does."""
        status = self._status
        if status.served is None:
            raise UnavailableError(f"no model serves yet: {status.problem}")
        return status.served

    def start(self) -> None:
        """Take the last known champion from disk, then follow the registry."""
        kept = self._kept()
        if kept is not None:
            self._status = Status(kept, "the registry has not been asked yet")
            _LOG.info("model", extra={"version": kept.version, "run": kept.identity.run_id, "origin": "local cache"})
        self._worker.start()

    def stop(self) -> None:
        """End the thread; at most one request to the registry is waited for."""
        self._worker.stop()

    def wake(self) -> None:
        """Have the registry asked now, not when the next round comes. Returns at once; any thread may call it."""
        self._worker.wake()

    def refresh(self, before: Served, model: DealModel) -> bool:
        """Have `model`, the model of `before` with a later history, serve in its place; not if that serves no more."""
        with self._change:
            if self._status.served is not before:
                return False
            self._status = Status(replace(before, model=model), self._status.problem)
            return True

    def _follow(self) -> float:
        self.look()
        self._worker.settle()
        return self._poll_seconds

    def look(self) -> None:
        """Ask for the alias once, and take up the model that bears it if that is another than the one that serves."""
        served, named = self._status.served, None
        try:
            named = self._registry.champion_identity()
            if named is None:
                raise NoChampionError(_no_champion(served))
            if served is None or not named.is_same(served.identity):
                if time.monotonic() < self._left_alone.get(named, float("-inf")):
                    return
                taken = self._take_up(named)
                self._set(None, taken)
                self._promoted(taken.identity, None if served is None else served.identity)
            self._set(self._missing(named))
        except ModelError as error:
            self._refuse(named, _REFUSED_SECONDS, f"{named} was refused: {error}")
        except LostError as error:
            self._refuse(named, _LOST_SECONDS, f"{named} cannot be taken up, its artifacts are gone: {error}")
        except RegistryError as error:
            self._set(str(error))

    def _take_up(self, model: Identity) -> Served:
        before = self._status.served
        served = self._registry.served(model, self._cache)
        _warm_up(served)
        facts = {**asdict(served.identity), "folder": served.folder.name}
        partial = self._cache / f"{_CURRENT}.{threading.get_native_id()}"
        partial.write_text(json.dumps(facts))
        partial.replace(self._cache / _CURRENT)
        self._stored_asked, self._stored_problem = time.monotonic(), None
        _LOG.info(
            "model",
            extra={"version": served.version, "run": model.run_id, "origin": "registry", "before": _version(before)},
        )
        return served

    def _missing(self, model: Identity) -> str | None:
        """What the registry could not give to an instance without a copy of `model`, which serves; asked now and then."""
        if time.monotonic() >= self._stored_asked + self._stored_seconds:
            self._stored_asked, self._stored_problem = time.monotonic(), None
            try:
                self._registry.check_stored(model)
            except LostError as error:
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
            # By the name that its run and hash give: what a file says of a folder could lead anywhere.
            kept = self._registry.read(model, self._cache / Path(current["folder"]).name)
            _warm_up(kept)
            return kept
        except FileNotFoundError:
            return None
        except (ModelError, OSError, ValueError, KeyError, TypeError) as error:
            # The registry has the truth; without it the instance says that it is not ready, and why.
            _LOG.warning("model", extra={"origin": "local cache", "problem": str(error)})
            return None

    def _set(self, problem: str | None, served: Served | None = None) -> None:
        """What went wrong last, and what serves from now on if it is another."""
        with self._change:
            if problem != self._status.problem and problem is not None:
                _LOG.warning("model", extra={"version": _version(self._status.served), "problem": problem})
            self._status = Status(served or self._status.served, problem)


def _warm_up(served: Served) -> None:
    """Replay the golden rows, and make the tables that most requests ask for. Raises ModelError."""
    served.model.replay(served.folder)
    one.prepare(served.model)
    # What stays is set aside, so that the collector need not walk it while requests wait.
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
        f"the registry has no champion any more, and {served.identity} goes on serving: train, or set its alias again"
    )
