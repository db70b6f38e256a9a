"""A model that knows names by pseudonyms: asked by name, it answers as by pseudonym, and records pseudonyms alone."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import redis
from litestar.testing import TestClient

from closecast.deals.pseudonyms import Pseudonymiser
from closecast.models.deal_model import DealModel
from closecast.platform.forget import forgotten
from closecast.platform.journal.entry import Entry
from closecast.platform.journal.stream import FIELD, STREAM, unpack
from closecast.platform.lake.store import Lake
from closecast.platform.settings import PSEUDONYM_KEY, LakeSettings
from services.api.app import create_app
from services.api.serving.pseudonyms import Pseudonyms
from services.api.settings import Settings
from tests.servers.localstack import S3
from tests.unit.services.api.conftest import KEY, environment, keep
from tests.waiting import until

pytestmark = pytest.mark.integration
BY = Pseudonymiser("a key")
COLUMNS = ("sales_agent", "account")


@pytest.fixture
def deal(served_model: DealModel) -> dict[str, str]:
    """Of an agent and an account that the model knows."""
    found = served_model.deals.dropna(subset=["account"]).iloc[0]
    return {"engage_date": "2017-12-01", **{name: str(found[name]) for name in ("product", *COLUMNS)}}


@pytest.fixture
def stream(valkey_url: str) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(valkey_url)
    client.delete(STREAM)
    yield client
    client.delete(STREAM)


@pytest.fixture
def service(
    served_model: DealModel, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient[Any]]:
    """It serves the same model, trained with pseudonyms."""
    deals = served_model.deals.astype(dict.fromkeys(COLUMNS, object))
    for name in COLUMNS:
        deals[name] = [BY.of(name, one) if isinstance(one, str) else one for one in deals[name]]
    card = replace(served_model.card, pseudonymised=COLUMNS)
    keep(DealModel(served_model.scorer, card, deals), tmp_path)
    asked = {**environment(tmp_path), "CLOSECAST_CACHE_URL": valkey_url, PSEUDONYM_KEY: "a key"}
    for name, value in asked.items():  # the batch worker has the service's environment
        monkeypatch.setenv(name, value)
    with TestClient(create_app(Settings.from_environment(asked))) as client:
        client.headers["X-API-Key"] = KEY
        yield client


def _recorded(stream: redis.Redis, count: int) -> list[Entry]:
    def entries() -> list[Entry]:
        found: Any = stream.xrange(STREAM)
        return [one for _, fields in found for one in unpack(fields[FIELD])]

    until(lambda: sum(map(len, entries())) >= count)
    return entries()


def test_names_are_answered_as_their_pseudonyms_and_never_recorded(
    stream: redis.Redis, service: TestClient[Any], served_model: DealModel, deal: dict[str, str]
) -> None:
    # given
    as_of = {"as_of": "2017-12-31", "horizon": 60}
    renamed = {name: BY.of(name, value) if name in COLUMNS else value for name, value in deal.items()}
    # when
    single = [service.post("/v1/predictions", json={"deal": one, **as_of}).json() for one in (deal, renamed)]
    batch = service.post("/v1/predictions/batch", json={"deals": [deal, renamed], **as_of}).json()["predictions"]
    explained = service.post("/v1/explanations", json={"deal": deal, **as_of}).json()
    # then
    chances = [one["probability"] for one in (*single, *batch, explained)]
    assert len(set(chances)) == 1
    assert [one["unseen"] for one in single] == [[], []]
    entries = _recorded(stream, 4)
    assert {value for entry in entries for name in COLUMNS for value in entry.deals[name]} == {
        renamed[name] for name in COLUMNS
    }
    written = json.dumps([entry.deals for entry in entries], ensure_ascii=False)
    assert not any(deal[name] in written for name in COLUMNS)
    assert served_model.card.pseudonymised == ()


def test_a_forgotten_name_is_replaced_at_once_when_the_list_has_it(
    s3: S3, stream: redis.Redis, service: TestClient[Any], deal: dict[str, str], tmp_path: Path
) -> None:
    # given
    lake = Lake(LakeSettings.from_environment(s3.environment))
    forgotten.add(lake, {BY.digest(deal["sales_agent"]): BY.random("sales_agent")})
    (pseudonym,) = forgotten.read(lake).values()
    # when what follows the lake has seen the list
    Pseudonyms("a key", tmp_path).take(lake)
    until(lambda: _is_new(service, deal))
    # then
    last = _recorded(stream, 1)[-1]
    assert last.deals["sales_agent"] == [pseudonym]
    lake.delete(forgotten.KEY)


def _is_new(service: TestClient[Any], deal: dict[str, str]) -> bool:
    """Whether the model has no history of the agent any more."""
    answer = service.post("/v1/predictions", json={"deal": deal, "as_of": date(2017, 12, 31).isoformat()}).json()
    return bool("sales_agent" in answer["unseen"])


def test_a_model_with_pseudonyms_is_not_asked_without_the_key(
    service: TestClient[Any], deal: dict[str, str], tmp_path: Path
) -> None:
    with TestClient(create_app(Settings.from_environment(environment(tmp_path)))) as client:
        client.headers["X-API-Key"] = KEY
        answer = client.post("/v1/predictions", json={"deal": deal})
    assert answer.status_code == 503
    assert "knows sales_agent, account by pseudonyms" in answer.json()["detail"]
    assert service.get("/health/ready").status_code == 200
