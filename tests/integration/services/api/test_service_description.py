"""schemathesis against the whole description, with a real PostgreSQL and Valkey behind the service: all checks, no failure."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from litestar.testing import TestClient

from closecast.models.deal_model import DealModel
from services.api.app import create_app
from services.api.settings import Settings
from tests.servers import free_port
from tests.unit.services.api.conftest import KEY, environment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def described(
    served_model: DealModel, database_url: str, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[schemathesis.schemas.BaseSchema]:
    cache = tmp_path_factory.mktemp("described")
    served_model.save(cache / "closecast-7-run")
    (cache / "current.json").write_text(json.dumps({"version": "7", "folder": "closecast-7-run"}))
    names = {"CLOSECAST_DATABASE_URL": database_url, "CLOSECAST_CACHE_URL": valkey_url,
             "CLOSECAST_RATE_LIMITS": "viewer=9999999/10,scorer=9999999/10,admin=9999999/10"}  # fmt: skip
    app = create_app(Settings.from_environment(environment(cache, f"http://127.0.0.1:{free_port()}") | names))
    with TestClient(app):
        yield schemathesis.openapi.from_asgi("/schema/openapi.json", app)


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_route_keeps_its_description(case: schemathesis.Case) -> None:
    case.call_and_validate(headers={"X-API-Key": KEY})
