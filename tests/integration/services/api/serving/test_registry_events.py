"""A real MLflow and a real Valkey tell two instances of a moved alias, neither of which would have asked for it within the hour."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from litestar import Litestar
from litestar.di import Provide
from mlflow import MlflowClient

from closecast.models.deal_model import DealModel
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.mlflow.webhooks import ensure_webhook, registered
from services.api.problem_handlers import HANDLERS
from services.api.routes.health import live
from services.api.routes.registry_events import registry_event
from services.api.serving.champion import Champion
from services.api.serving.registry_events import EventSettings, RegistryEvents
from tests.servers.processes import free_port
from tests.waiting import SOON, until

pytestmark = pytest.mark.integration
SECRET = "the secret of the tests"


@dataclass(frozen=True)
class Instance:
    """The part of an instance of the API that follows the champion."""

    url: str
    champion: Champion

    @property
    def version(self) -> str | None:
        served = self.champion.status().served
        return None if served is None else served.version


@contextmanager
def instance(mlflow_uri: str, cache_url: str | None, folder: Path) -> Iterator[Instance]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    champion = Champion(ModelRegistry(mlflow_uri), folder, poll_seconds=3600)
    settings = EventSettings(SECRET, mlflow_uri, f"{url}/v1/registry-events")
    events = RegistryEvents(settings, champion.wake, lambda: cache_url)
    app = Litestar(
        [registry_event, live],
        dependencies={"registry_events": Provide(lambda: events, sync_to_thread=False)},
        exception_handlers=HANDLERS,
    )
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    champion.start()
    events.start()
    try:
        yield Instance(url, champion)
    finally:
        events.stop()
        champion.stop()
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def registry(mlflow_uri: str, empty_registry: ModelRegistry) -> ModelRegistry:
    """With no webhook of another test's."""
    found = registered(mlflow_uri)
    if found is not None:
        MlflowClient(mlflow_uri).delete_webhook(found["webhook_id"])
    return empty_registry


def _publish(model: DealModel, mlflow_uri: str, registry: ModelRegistry, folder: Path) -> str:
    """A version of `model`, nobody's champion."""
    client = MlflowClient(mlflow_uri)
    run = client.create_run("0")
    if not folder.exists():
        model.save(folder)
    client.log_artifacts(run.info.run_id, str(folder), "model")
    return registry.register(run.info.run_id, {})


def test_a_moved_alias_is_soon_serving_everywhere(
    mlflow_uri: str,
    valkey_url: str,
    registry: ModelRegistry,
    served_model: DealModel,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    # given two instances that ask once an hour by themselves
    versions = [_publish(served_model, mlflow_uri, registry, tmp_path / "model") for _ in range(3)]
    registry.promote(versions[0])
    with (
        instance(mlflow_uri, valkey_url, tmp_path / "a") as first,
        instance(mlflow_uri, valkey_url, tmp_path / "b") as second,
    ):
        until(lambda: first.version == second.version == versions[0])
        until(lambda: (registered(mlflow_uri) or {}).get("url", "").startswith((first.url, second.url)))
        time.sleep(2)  # noqa: TID251 - MLflow delivers to a webhook from a second after it was registered
        for version in versions[1:]:
            # when
            registry.promote(version)
            # then
            taken = until(lambda version=version: first.version == second.version == version, SOON)  # type: ignore[misc]
            record_property(f"seconds from set-alias to serving, version {version}", round(taken, 3))
            print(f"version {version} serves in both instances {taken:.3f} s after its alias was set")


def test_an_instance_without_a_cache_still_hears_of_it(
    mlflow_uri: str, registry: ModelRegistry, served_model: DealModel, tmp_path: Path
) -> None:
    version = _publish(served_model, mlflow_uri, registry, tmp_path / "model")
    with instance(mlflow_uri, None, tmp_path / "a") as alone:
        until(lambda: (registered(mlflow_uri) or {}).get("url", "").startswith(alone.url))
        time.sleep(2)  # noqa: TID251 - MLflow delivers to a webhook from a second after it was registered
        registry.promote(version)
        until(lambda: alone.version == version, SOON)


def test_the_webhook_follows_whoever_lives(
    mlflow_uri: str, registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert registry.champion_version() is None
    monkeypatch.setattr("services.api.serving.registry_events.LOOK_SECONDS", 0.2)

    def target() -> str:
        return str((registered(mlflow_uri) or {}).get("url"))

    # given one that was registered for an address where nobody is, and another of which MLflow knows nothing
    gone = f"http://127.0.0.1:{free_port()}/v1/registry-events"
    known = ensure_webhook(mlflow_uri, gone, SECRET)
    with instance(mlflow_uri, None, tmp_path / "a") as first:
        # when an instance starts, then it takes it over
        until(lambda: target().startswith(first.url))
        with instance(mlflow_uri, None, tmp_path / "b") as second:
            until(lambda: target().startswith(second.url))
            # and while that one lives, the first leaves it alone
            time.sleep(1)  # noqa: TID251 - five looks of the first
            assert target().startswith(second.url)
        # when it is gone, then the first has it again
        until(lambda: target().startswith(first.url))
        # and a registry that forgot it is told anew
        assert (registered(mlflow_uri) or {})["webhook_id"] == known
        MlflowClient(mlflow_uri).delete_webhook(known)
        until(lambda: target().startswith(first.url))
        assert len(MlflowClient(mlflow_uri).list_webhooks()) == 1


def test_nobody_can_speak_for_the_registry(mlflow_uri: str, registry: ModelRegistry, tmp_path: Path) -> None:
    assert registry.champion_version() is None
    with instance(mlflow_uri, None, tmp_path / "a") as alone:
        answer = httpx.post(f"{alone.url}/v1/registry-events", content=b"{}", trust_env=False)
        assert answer.status_code == 401
        # while MLflow's own test of the webhook is believed
        until(lambda: (registered(mlflow_uri) or {}).get("url", "").startswith(alone.url))
        tested = MlflowClient(mlflow_uri).test_webhook((registered(mlflow_uri) or {})["webhook_id"])
    assert (tested.success, tested.response_status) == (True, 204)
