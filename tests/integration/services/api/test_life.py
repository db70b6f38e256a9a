"""The service beside a real MLflow and a real S3: a published champion is taken up, ranked, and survives a restart alone."""

import hashlib
import os
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from litestar.testing import TestClient

from closecast.deals.synthetic.generator import generate
from closecast.models import candidate as candidates
from closecast.platform.lake.ingestion import Ingested, ingest
from closecast.platform.lake.store import Lake
from closecast.platform.mlflow.publication import publish
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.settings import DatabaseSettings, LakeSettings
from closecast.platform.sources.export import RawExport
from services.api.app import create_app
from services.api.settings import Settings
from tests.servers.localstack import S3
from tests.servers.processes import free_port, running
from tests.waiting import until

pytestmark = pytest.mark.integration
KEY = "a key"


@pytest.fixture(scope="module")
def data(s3: S3) -> Ingested:
    return ingest(
        RawExport(generate(2_500, seed=5), "synthetic", "a" * 64), Lake(LakeSettings.from_environment(s3.environment))
    )


@pytest.fixture(scope="module")
def candidate(data: Ingested) -> candidates.Candidate:
    return candidates.build(data.deals, seed=7, threads=1)


@pytest.fixture
def environment(s3: S3, mlflow_uri: str, empty_registry: ModelRegistry, tmp_path: Path) -> dict[str, str]:
    assert empty_registry.champion_version() is None
    return {
        **s3.environment,
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "CLOSECAST_MODEL_CACHE": str(tmp_path / "models"),
        "CLOSECAST_API_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
    }


def _publish(candidate: candidates.Candidate, data: Ingested, uri: str, lock: DatabaseSettings) -> str:
    at = datetime(2018, 1, 2, tzinfo=UTC)
    return publish(candidate, data, uri, lock=lock, gold_key="gold/3", by="a test", at=at, git_commit=None).version


def test_a_champion_is_taken_up_ranked_and_followed(
    environment: dict[str, str],
    candidate: candidates.Candidate,
    data: Ingested,
    mlflow_uri: str,
    promotion_lock: DatabaseSettings,
) -> None:
    with TestClient(create_app(Settings.from_environment(environment))) as client:
        client.headers["X-API-Key"] = KEY
        # given an empty registry
        assert client.get("/health/ready").status_code == 503
        until(lambda: "no champion yet" in client.get("/v1/model").json()["detail"])

        # when a first model is published
        first = _publish(candidate, data, mlflow_uri, promotion_lock)
        # then it serves, and ranks the open deals of its data
        until(lambda: client.get("/health/ready").status_code == 200)
        ranking = client.get("/v1/pipeline?limit=10000").json()
        open_deals = data.deals[data.deals["deal_stage"] == "Engaging"]
        assert ranking["counts"] == {
            "open": len(open_deals),
            "matching": len(open_deals),
            "not_scorable": int(data.deals["engage_date"].isna().sum()),
        }
        assert {deal["opportunity_id"] for deal in ranking["deals"]} == set(open_deals["opportunity_id"])
        chances = [deal["probability"] for deal in ranking["deals"]]
        assert chances == sorted(chances, reverse=True)
        assert ranking["expected_wins"] == pytest.approx(sum(chances))
        page = client.get("/v1/pipeline?limit=3&offset=2").json()
        assert page["deals"] == ranking["deals"][2:5]
        # and scores each as a single request does
        deal = ranking["deals"][0]
        names = ("opportunity_id", "sales_agent", "product", "account", "engage_date")
        body = {"deal": {name: deal[name] for name in names}, "as_of": ranking["as_of"]}
        assert client.post("/v1/predictions", json=body).json()["probability"] == deal["probability"]

        # when asked about an earlier day, then deals stand there that were open on it
        earlier = client.get("/v1/pipeline?as_of=2017-06-30&limit=10000").json()
        engaged, closed = (pd.to_datetime(data.deals[name]) for name in ("engage_date", "close_date"))
        day = pd.Timestamp("2017-06-30")
        was_open = (engaged <= day) & ~(closed <= day)
        assert earlier["counts"]["open"] == int(was_open.sum())
        assert (
            earlier["deals"][0]["age_days"]
            == (date(2017, 6, 30) - date.fromisoformat(earlier["deals"][0]["engage_date"])).days
        )

        # when another version becomes champion, then it is taken up
        second = _publish(candidate, replace(data, source="file:sales.csv"), mlflow_uri, promotion_lock)
        assert second != first
        until(lambda: client.get("/v1/model").json()["version"] == second)
        assert np.isfinite(client.get("/v1/model").json()["metrics"]["log_loss_30_days"])


def test_the_process_starts_from_its_own_disk_when_the_registry_is_away(
    environment: dict[str, str],
    candidate: candidates.Candidate,
    data: Ingested,
    mlflow_uri: str,
    promotion_lock: DatabaseSettings,
    tmp_path: Path,
) -> None:
    # given a service that has served
    version = _publish(candidate, data, mlflow_uri, promotion_lock)
    with TestClient(create_app(Settings.from_environment(environment))) as client:
        until(lambda: client.get("/health/ready").status_code == 200)
    # when it starts again, as a process of its own, and nobody answers at the registry's address
    port = free_port()
    alone = {
        **os.environ,
        **environment,
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}",
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
    }
    folder = tmp_path / "process"
    folder.mkdir()
    with running([sys.executable, "-m", "services.api"], alone, f"http://127.0.0.1:{port}/health/ready", folder):
        # then it predicts with the version it knows, and says that it cannot follow the registry
        headers = {"X-API-Key": KEY}
        body = {"deal": {"engage_date": "2017-12-01"}}
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/predictions", json=body, headers=headers, timeout=60).json()
        assert answer["model"]["version"] == version
        until(
            lambda: (
                "does not answer"
                in httpx.get(f"http://127.0.0.1:{port}/v1/model", headers=headers, timeout=60).json()[
                    "registry_problem"
                ]
            )
        )
