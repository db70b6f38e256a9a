"""The route that takes MLflow's word of a moved alias: who is believed, what is answered, and what it brings about."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from closecast.platform.mlflow.webhooks import EventError, SignatureError
from closecast.platform.settings import Login, SettingsError
from services.api.app import create_app
from services.api.serving.registry_events import EventSettings, RegistryEvents
from tests.conftest import Logged
from tests.unit.platform.mlflow.test_webhooks import BODY, SECRET, delivery
from tests.unit.services.api.conftest import AWAY, settings

EVENTS = EventSettings(SECRET, AWAY, f"{AWAY}/v1/registry-events")


@pytest.fixture
def listening(cache: Path) -> Iterator[TestClient[Any]]:
    with TestClient(create_app(replace(settings(cache), events=EVENTS)), raise_server_exceptions=False) as client:
        yield client


def test_a_genuine_event_needs_no_key(listening: TestClient[Any]) -> None:
    answer = listening.post("/v1/registry-events", content=BODY, headers=delivery(BODY, at=time.time()))
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_forged_event_is_refused_with_a_problem(listening: TestClient[Any]) -> None:
    forged = delivery(BODY, secret="a guess", at=time.time())
    for headers in (forged, {}):
        answer = listening.post("/v1/registry-events", content=BODY, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Signature")


def test_a_genuine_delivery_of_something_else_is_no_failure_of_ours(listening: TestClient[Any]) -> None:
    body = b'{"entity": 1'
    answer = listening.post("/v1/registry-events", content=body, headers=delivery(body, at=time.time()))
    assert answer.status_code == 400
    assert "no event of MLflow's" in answer.json()["detail"]


def test_without_a_secret_there_is_no_such_route(anonymous: TestClient[Any]) -> None:
    assert anonymous.post("/v1/registry-events", content=BODY, headers=delivery(BODY)).status_code == 404


def test_only_a_moved_champion_of_ours_wakes(logged: Logged) -> None:
    # given an instance without a cache
    woken: list[None] = []
    events = RegistryEvents(EVENTS, lambda: woken.append(None), lambda: None)

    def deliver(model: str, alias: str) -> None:
        body = json.dumps(
            {
                "entity": "model_version_alias",
                "action": "created",
                "data": {"name": model, "alias": alias, "version": "1"},
            }
        ).encode()
        events.receive(delivery(body, at=time.time()), body)

    # when
    deliver("closecast", "challenger")
    deliver("another", "champion")
    assert not woken
    deliver("closecast", "champion")
    # then it wakes, and says that nobody else was told
    assert len(woken) == 1
    assert "there is no cache" in str(logged())
    with pytest.raises(SignatureError):
        events.receive({}, BODY)
    with pytest.raises(EventError):
        events.receive(delivery(b"[]", at=time.time()), b"[]")
    assert len(woken) == 1


def test_settings_name_what_is_missing() -> None:
    environment = {"MLFLOW_TRACKING_URI": AWAY}
    assert EventSettings.from_environment(environment) is None
    environment["CLOSECAST_WEBHOOK_SECRET"] = SECRET
    with pytest.raises(SettingsError, match="CLOSECAST_OWN_URL is not set"):
        EventSettings.from_environment(environment)
    with pytest.raises(SettingsError, match="expected the http"):
        EventSettings.from_environment({**environment, "CLOSECAST_OWN_URL": "10.0.0.1:80"})
    made = EventSettings.from_environment({**environment, "CLOSECAST_OWN_URL": "http://10.0.0.1:80/"})
    assert made is not None
    assert made.url == "http://10.0.0.1:80/v1/registry-events"
    assert (SECRET in repr(made), made.login) == (False, None)
    shown = {**environment, "CLOSECAST_OWN_URL": "http://10.0.0.1:80/", "MLFLOW_TRACKING_USERNAME": "api"}
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_PASSWORD is not set"):
        EventSettings.from_environment(shown)
    known = EventSettings.from_environment({**shown, "MLFLOW_TRACKING_PASSWORD": "kept secret"})
    assert known is not None
    assert known.login == Login("api", "kept secret")
    assert "kept secret" not in repr(known)
