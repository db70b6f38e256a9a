"""A service with a real model in its local cache, and a registry that is away."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from litestar.testing import TestClient

from closecast.deals.contract import check
from closecast.deals.synthetic import generate
from closecast.features import NAMES
from closecast.models import candidate
from closecast.models.deal_model import DealModel, ModelCard
from services.api.app import create_app
from services.api.settings import Settings

KEY = "a key of the tests"
OTHER_KEY = "another one"
AWAY = "http://127.0.0.1:9"  # nobody listens on the discard port


@pytest.fixture(scope="session")
def served_model() -> DealModel:
    deals = check(generate(2_500, seed=11)).accepted
    built = candidate.build(deals, seed=7, threads=1)
    card = ModelCard(
        trained_at="2018-01-01T00:00:00+00:00", source="synthetic", source_sha256="0" * 64, data_as_of="2017-12-31",
        deals_key="silver/0.parquet", feature_names=NAMES, horizons=(30, "quarter_end"), cut="2017-07-01",
        metrics=built.metrics(), reference_metrics=built.references(), rows=built.rows,
        hyperparameters=built.settings.as_dict(), rounds=built.schedule.rounds, seed=7,
        calibration=asdict(built.scorer.calibration),
    )  # fmt: skip
    return DealModel(built.scorer, card, deals)


def settings(cache: Path, registry: str = AWAY) -> Settings:
    hashes = ",".join(hashlib.sha256(key.encode()).hexdigest() for key in (KEY, OTHER_KEY))
    return Settings.from_environment(
        {"MLFLOW_TRACKING_URI": registry, "CLOSECAST_MODEL_CACHE": str(cache), "CLOSECAST_API_KEY_SHA256": hashes}
    )


def keep(model: DealModel, cache: Path, version: str = "7") -> None:
    """As a service leaves it behind that served `version`."""
    model.save(cache / f"closecast-{version}-run")
    (cache / "current.json").write_text(json.dumps({"version": version, "folder": f"closecast-{version}-run"}))


@pytest.fixture(scope="session")
def cache(served_model: DealModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    keep(served_model, folder)
    return folder


@pytest.fixture(scope="session")
def anonymous(cache: Path) -> Iterator[TestClient]:  # type: ignore[type-arg]
    """A caller without a key."""
    with TestClient(create_app(settings(cache)), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(anonymous: TestClient) -> Iterator[TestClient]:  # type: ignore[type-arg]
    """A caller with a key."""
    anonymous.headers["X-API-Key"] = KEY
    yield anonymous
    del anonymous.headers["X-API-Key"]
