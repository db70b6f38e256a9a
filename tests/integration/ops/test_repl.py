"""The prompt of `just repl` has the champion that services load, and the newest deals.

The registry is a double with the files of a real model; the lake is a folder.
"""

import code
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from closecast.models.deal_model import DealModel, digest
from closecast.platform.lake import online
from closecast.platform.lake.store import Lake
from closecast.platform.mlflow.registry import DIGEST_TAG, MODEL_NAME, ModelRegistry
from closecast.platform.settings import LakeSettings
from closecast.platform.signatures import SIGNATURE_TAG, Signer, TrustedKeys
from ops.errors import OperatorError
from ops.repl import banner, names_of, open_champion
from tests.registry_double import RegistryDouble

pytestmark = pytest.mark.integration
SIGNER = Signer.from_text("A" * 43)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    for name in ("silver", "newest"):
        (tmp_path / "lake" / name).mkdir(parents=True)
    return Lake(LakeSettings("lake", "us-east-1"), SubTreeFileSystem(str(tmp_path), LocalFileSystem()))


@pytest.fixture
def server(served_model: DealModel, tmp_path: Path) -> Iterator[RegistryDouble]:
    """The registry of a signed champion."""
    server = RegistryDouble(tmp_path / "artifacts")
    served_model.save(server.folder)
    sha256 = digest(server.folder)
    server.tags = {DIGEST_TAG: sha256, SIGNATURE_TAG: SIGNER.sign(MODEL_NAME, "r1", sha256)}
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def registry(server: RegistryDouble) -> ModelRegistry:
    return ModelRegistry(server.address, TrustedKeys.from_text(SIGNER.public))


def test_the_champion_answers_about_the_newest_deals(
    registry: ModelRegistry, lake: Lake, served_model: DealModel, tmp_path: Path
) -> None:
    # given newer deals of its source: one open deal more than it was trained with
    known = served_model.card.known_until
    more = served_model.deals[served_model.deals["deal_stage"] == "Engaging"].head(1).copy()
    more["opportunity_id"], more["engage_date"] = "NEWEST", pd.Timestamp(known)
    deals = pd.concat([served_model.deals, more], ignore_index=True)
    key = lake.put_parquet("silver", deals)
    online.announce(lake, online.Newest(served_model.card.source, key, known + timedelta(days=7)))
    # when
    opened = open_champion(registry, lake, tmp_path / "cache")
    # then
    assert len(opened.deals) == len(served_model.deals) + 1
    ranked = opened.rank()
    assert ranked["chance"].is_monotonic_decreasing
    assert ranked["chance"].between(0, 1).all()
    assert len(ranked) == (deals["deal_stage"] == "Engaging").sum()
    assert "NEWEST" in set(ranked["opportunity_id"])
    assert (known + timedelta(days=7)).isoformat() in banner(opened)


def test_lines_that_are_typed_use_the_names(
    registry: ModelRegistry, lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = code.InteractiveConsole(names_of(open_champion(registry, lake, tmp_path / "cache")))
    for line in ("len(deals)", "bool(rank(horizon=30).chance.max() <= rank().chance.max())"):
        prompt.push(line)
    printed = capsys.readouterr()
    assert printed.out.split() == ["2500", "True"]
    assert printed.err == ""


def test_a_champion_that_no_service_would_load_is_refused(server: RegistryDouble, lake: Lake, tmp_path: Path) -> None:
    server.tags = {**server.tags, SIGNATURE_TAG: Signer.from_text("B" * 43).sign(MODEL_NAME, "r1", "0" * 64)}
    with pytest.raises(OperatorError, match=r"the champion is not loaded: .*sign"):
        open_champion(ModelRegistry(server.address, TrustedKeys.from_text(SIGNER.public)), lake, tmp_path / "cache")


def test_without_a_champion_or_a_registry_it_says_what_to_do(
    server: RegistryDouble, registry: ModelRegistry, lake: Lake, tmp_path: Path
) -> None:
    server.version = None
    with pytest.raises(OperatorError, match="no model is champion yet") as caught:
        open_champion(registry, lake, tmp_path / "cache")
    assert "just train" in caught.value.remedy
    server.fails = True
    with pytest.raises(OperatorError) as caught:
        open_champion(registry, lake, tmp_path / "cache")
    assert caught.value.remedy == "see `just status`"
