"""React to a moved alias at once: keep MLflow's webhook on a live instance, and forward its events to all instances."""

import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from closecast.platform.mlflow.champion_events import ChampionEvents, ChampionEventsError
from closecast.platform.mlflow.registry import CHAMPION, MODEL_NAME, RegistryError
from closecast.platform.mlflow.webhooks import PATH, alias_event, ensure_webhook, registered, verify
from closecast.platform.runtime.background import BackgroundWorker
from closecast.platform.settings import Login, SettingsError, login, required

_LOG = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
_AGAIN_SECONDS = 5.0


@dataclass(frozen=True)
class EventSettings:
    """The webhook's secret, MLflow's address and login, and this instance's address."""

    secret: str
    tracking_uri: str
    url: str
    login: Login | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "EventSettings | None":
        """Read the settings; None without CLOSECAST_WEBHOOK_SECRET, then the registry is only polled.

        Raises SettingsError.
        """
        secret = environment.get("CLOSECAST_WEBHOOK_SECRET")
        if not secret:
            return None
        own = required(environment, "CLOSECAST_OWN_URL").rstrip("/")
        if not own.startswith(("http://", "https://")):
            raise SettingsError(f"CLOSECAST_OWN_URL is {own!r}; expected the http(s) address of this instance")
        uri = required(environment, "MLFLOW_TRACKING_URI").rstrip("/")
        return cls(secret, uri, own + PATH, login(environment))

    def __repr__(self) -> str:
        return f"EventSettings(tracking_uri={self.tracking_uri!r}, url={self.url!r})"


class RegistryEvents:
    """Handles registry events in this instance:

    `wake` makes its follower poll the registry, `cache` is the cache's address.
    """

    def __init__(self, settings: EventSettings, wake: Callable[[], None], cache: Callable[[], str | None]) -> None:
        self._settings = settings
        self._wake = wake
        self._others = ChampionEvents(cache, wake)
        self._is_mine = False  # this instance has registered the webhook
        self._worker = BackgroundWorker(
            "webhook", self._keep, self._report, retry_seconds=_AGAIN_SECONDS, describe=_described, stop_seconds=10.0
        )

    def start(self) -> None:
        self._others.start()
        self._worker.start()

    def stop(self) -> None:
        """Stop both threads. The webhook stays: another instance takes it over, or this one after a restart."""
        self._others.stop()
        self._worker.stop()

    def receive(self, headers: Mapping[str, str], body: bytes) -> None:
        """Handle a delivery from MLflow. Raises SignatureError and EventError."""
        verify(headers, body, self._settings.secret, time.time())
        event = alias_event(body)
        if event is None or (event.model, event.alias) != (MODEL_NAME, CHAMPION):
            return
        self._wake()
        try:
            self._others.publish(event.version)
        except ChampionEventsError as error:
            _LOG.warning("registry event", extra={"version": event.version, "problem": str(error)})
        else:
            _LOG.info("registry event", extra={"version": event.version})

    def _keep(self) -> float:
        """Register the webhook if this is the newest instance, or if the one that has it is dead."""
        if not self._is_mine or not self._is_heard():
            known = self._settings
            ensure_webhook(known.tracking_uri, known.url, known.secret, known.login)
            _LOG.info("webhook", extra={"url": known.url})
        self._is_mine = True
        self._worker.settle()
        return LOOK_SECONDS

    def _report(self, problem: str) -> None:
        _LOG.warning("webhook", extra={"problem": problem})

    def _is_heard(self) -> bool:
        """Whether MLflow delivers to a live instance, this or another."""
        found = registered(self._settings.tracking_uri, self._settings.login)
        if found is None or found.get("status") != "ACTIVE":
            return False
        return bool(found["url"] == self._settings.url) or _lives(found["url"])


def _described(error: Exception) -> str:
    if isinstance(error, RegistryError):
        return str(error)
    return f"the webhook could not be looked after: {type(error).__name__}: {error}"


def _lives(url: str) -> bool:
    parts = urlsplit(url)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{parts.scheme}://{parts.netloc}/health/live", timeout=2):
            return True
    except (OSError, urllib.error.URLError):
        return False
