"""Keep the served model's history current: newer deals of the champion's source replace older ones."""

import json
import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd

from closecast.models.deal_model import DealModel
from closecast.platform.lake.online import Newest, find, parse
from closecast.platform.lake.store import Lake, LakeError
from closecast.platform.mlflow.registry import Served
from closecast.platform.runtime.background import BackgroundWorker
from closecast.platform.settings import LakeSettings
from closecast.scoring import one
from services.api.serving.champion import Champion

_LOG = logging.getLogger(__name__)

_LOOK_SECONDS = 15.0
_FIRST_LOOK_SECONDS = 3.0  # connecting to the object store takes memory and time, which the start saves
_KEPT = "history.json"


class HistoryFollower:
    """Polls the lake of `settings` for newer deals of the served model's source, and gives them to `champion`.

    The newest deals are kept in `cache` for a restart while the object store is away. A newly loaded model
    brings the deals it was trained on, which are replaced if the lake has later ones.
    """

    def __init__(
        self,
        champion: Champion,
        settings: Callable[[], LakeSettings | None],
        cache: Path,
        also: Callable[[Lake], None] = lambda _lake: None,
    ) -> None:
        """`also` is called with the lake at each look."""
        self._champion, self._also = champion, also
        self._settings = settings
        self._cache = cache
        self._lake: tuple[LakeSettings, Lake] | None = None
        self._waited = False  # for the first poll
        self._worker = BackgroundWorker(
            "history", self._follow, self._report, retry_seconds=_LOOK_SECONDS, describe=_described, stop_seconds=5.0
        )

    def start(self) -> None:
        """Load the deals kept on disk, then follow the lake."""
        self._restore()
        self._worker.start()

    def stop(self) -> None:
        """Stop the thread, waiting for one request to the object store at most."""
        self._worker.stop()

    def ping(self) -> None:
        """Ask the lake whether it has anything. Raises LakeError, also while it has not been found."""
        lake = self._opened()
        if lake is None:
            raise LakeError("the object store has not been found yet")
        lake.has("newest/none.json")

    def look(self) -> None:
        """Poll the lake once. Raises LakeError."""
        served, lake = self._champion.status().served, self._opened()
        if lake is None:
            return
        self._also(lake)
        if served is None:
            return
        newest = find(lake, served.model.card.source)
        if newest is not None and _is_newer(newest, served):
            deals = lake.read_parquet(newest.silver_key)
            if self._load(served, newest, deals, "lake"):
                self._keep(newest, deals)

    def _follow(self) -> float:
        if not self._waited:
            self._waited = True
            return _FIRST_LOOK_SECONDS
        self.look()
        self._worker.settle()
        return _LOOK_SECONDS

    def _opened(self) -> Lake | None:
        settings = self._settings()
        if settings is None:
            return None
        if self._lake is None or self._lake[0] != settings:
            self._lake = settings, Lake(settings)
        return self._lake[1]

    def _load(self, served: Served, newest: Newest, deals: pd.DataFrame, origin: str) -> bool:
        model: DealModel = served.model.seen_with(deals, newest.known_until, newest.silver_key, newest.pseudonymised)
        one.prepare(model)
        taken = self._champion.refresh(served, model)
        if taken:
            _LOG.info(
                "history",
                extra={
                    "version": served.version,
                    "origin": origin,
                    "known_until": newest.known_until.isoformat(),
                    "deals": len(deals),
                    "key": newest.silver_key,
                },
            )
        return taken

    def _keep(self, newest: Newest, deals: pd.DataFrame) -> None:
        file = self._cache / f"history-{Path(newest.silver_key).stem[:32]}.parquet"
        deals.to_parquet(file, index=False, compression="zstd")
        facts = {
            "source": newest.source,
            "silver_key": newest.silver_key,
            "known_until": newest.known_until.isoformat(),
            "pseudonymised": newest.pseudonymised,
        }
        partial = self._cache / f"{_KEPT}.partial"
        partial.write_text(json.dumps(facts | {"file": file.name}))
        partial.replace(self._cache / _KEPT)
        for other in self._cache.glob("history-*.parquet"):
            if other != file:
                other.unlink(missing_ok=True)

    def _restore(self) -> None:
        served = self._champion.status().served
        try:
            kept = json.loads((self._cache / _KEPT).read_text())
            newest = parse(kept)
            if served is not None and newest.source == served.model.card.source and _is_newer(newest, served):
                self._load(served, newest, pd.read_parquet(self._cache / kept["file"]), "local cache")
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            _LOG.warning("history", extra={"origin": "local cache", "problem": f"{type(error).__name__}: {error}"})

    def _report(self, problem: str) -> None:
        _LOG.warning("history", extra={"problem": problem})


def _described(error: Exception) -> str:
    if isinstance(error, LakeError):
        return str(error)
    return f"looking for newer deals failed: {type(error).__name__}: {error}"


def _is_newer(newest: Newest, served: Served) -> bool:
    card = served.model.card
    return newest.silver_key != card.deals_key and newest.known_until >= date.fromisoformat(card.data_as_of)
