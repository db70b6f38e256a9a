"""A service with a real model in its local cache, and a registry that is away."""

import gc
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from litestar.testing import TestClient

from closecast.models.deal_model import DealModel, digest
from closecast.platform.mlflow.identity import MODEL_NAME
from closecast.platform.signatures import Signer
from services.api.app import create_app
from services.api.serving import champion
from services.api.settings import Settings

KEY = "a key of the tests"
OTHER_KEY = "another one"
AWAY = "http://127.0.0.1:9"  # nobody listens on the discard port


def environment(cache: Path, registry: str = AWAY) -> dict[str, str]:
    hashes = ",".join(hashlib.sha256(key.encode()).hexdigest() for key in (KEY, OTHER_KEY))
    return {"MLFLOW_TRACKING_URI": registry, "CLOSECAST_MODEL_CACHE": str(cache), "CLOSECAST_API_KEY_SHA256": hashes}


def settings(cache: Path, registry: str = AWAY) -> Settings:
    return Settings.from_environment(environment(cache, registry))


def keep(model: DealModel, cache: Path, version: str = "7", signer: Signer | None = None) -> None:
    """As a service leaves it behind that served `version`, signed where there is a `signer`."""
    folder = cache / f"closecast-{version}-run"
    model.save(folder)
    facts = {"version": version, "run_id": f"run-{version}", "sha256": digest(folder), "folder": folder.name}
    if signer is not None:
        facts["signature"] = signer.sign(MODEL_NAME, facts["run_id"], facts["sha256"])
    (cache / "current.json").write_text(json.dumps(facts))


@pytest.fixture(scope="session", autouse=True)
def no_garbage() -> Iterator[None]:
    """At its start a service collects the garbage of its process: of one that runs tests, a third of a second each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(champion, "gc", SimpleNamespace(unfreeze=gc.unfreeze, collect=lambda: 0, freeze=gc.freeze))
        yield


@pytest.fixture(scope="session")
def cache(served_model: DealModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    keep(served_model, folder)
    return folder


@pytest.fixture(scope="session")
def anonymous(cache: Path) -> Iterator[TestClient[Any]]:
    """A caller without a key."""
    with TestClient(create_app(settings(cache)), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(anonymous: TestClient[Any]) -> Iterator[TestClient[Any]]:
    """A caller with a key."""
    anonymous.headers["X-API-Key"] = KEY
    yield anonymous
    del anonymous.headers["X-API-Key"]
