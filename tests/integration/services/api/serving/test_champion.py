"""The follower of the champion: what it takes up, what it refuses, and what it keeps.

The registry is a double that can be told to fail; the service beside a real one is in test_life.py.
"""

import json
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from closecast.models import manifest
from closecast.models.deal_model import DealModel, digest
from closecast.platform.mlflow.registry import Identity, ModelRegistry
from services.api.serving.champion import Champion
from tests.conftest import Logged
from tests.registry_double import RegistryDouble
from tests.unit.services.api.conftest import AWAY, keep
from tests.waiting import until


@pytest.fixture
def registry(served_model: DealModel, tmp_path: Path) -> Iterator[RegistryDouble]:
    server = RegistryDouble(tmp_path / "artifacts")
    served_model.save(server.folder)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def champion(registry: RegistryDouble, tmp_path: Path) -> Champion:
    return Champion(ModelRegistry(registry.address), tmp_path / "cache")


def _version(champion: Champion) -> str | None:
    served = champion.status().served
    return None if served is None else served.version


def test_a_moved_alias_is_taken_up_and_remembered(registry: RegistryDouble, champion: Champion, tmp_path: Path) -> None:
    # when
    champion.look()
    registry.version = "2"
    champion.look()
    # then
    assert _version(champion) == "2"
    assert champion.status().problem is None
    kept = Champion(ModelRegistry(AWAY), tmp_path / "cache")
    kept.start()
    kept.stop()
    assert _version(kept) == "2"


def test_each_promotion_is_told_once_with_the_version_before(registry: RegistryDouble, tmp_path: Path) -> None:
    # given
    told: list[tuple[str, str | None]] = []

    def hear(model: Identity, before: Identity | None, _named_at: datetime) -> None:
        told.append((model.version, None if before is None else before.version))

    followed = Champion(ModelRegistry(registry.address), tmp_path / "cache", promoted=hear)
    # when
    followed.look()
    followed.look()
    registry.version = "2"
    followed.look()
    # then
    assert told == [("1", None), ("2", "1")]


def test_an_empty_registry_is_told(registry: RegistryDouble, champion: Champion) -> None:
    registry.version = None
    champion.look()
    assert _version(champion) is None
    assert "no champion yet" in str(champion.status().problem)


def test_a_failing_registry_changes_nothing_and_is_told(registry: RegistryDouble, champion: Champion) -> None:
    # given
    champion.look()
    # when
    registry.fails = True
    champion.look()
    # then
    assert _version(champion) == "1"
    assert "told to fail" in str(champion.status().problem)
    # and when it is back
    registry.fails = False
    champion.look()
    assert champion.status().problem is None


def test_a_damaged_model_is_refused_and_the_old_one_serves(
    registry: RegistryDouble, champion: Champion, logged: Logged
) -> None:
    # given
    champion.look()
    (registry.folder / "model.txt").write_text("tree")
    # when
    registry.version = "2"
    champion.look()
    champion.look()
    # then
    assert _version(champion) == "1"
    assert "version 2 (run r2) was refused" in str(champion.status().problem)
    assert str(logged()).count("was refused") == 1


def test_a_damaged_copy_on_disk_is_told_and_not_served(served_model: DealModel, tmp_path: Path, logged: Logged) -> None:
    # given
    keep(served_model, tmp_path)
    (tmp_path / "closecast-7-run" / "model.txt").write_text("tree")
    champion = Champion(ModelRegistry(AWAY), tmp_path)
    # when
    champion.start()
    champion.stop()
    # then
    assert _version(champion) is None
    assert "is damaged" in str(logged())


def test_an_instance_has_started_once_it_serves_the_champion_or_there_is_none(
    registry: RegistryDouble, champion: Champion
) -> None:
    assert not champion.status().started
    registry.version = None
    champion.look()
    assert champion.status().started

    # and when a later champion is refused, then it goes on: what it served when it started was right
    registry.version = "2"
    (registry.folder / "model.txt").write_text("tree")
    champion.look()
    assert "was refused" in str(champion.status().problem)
    assert champion.status().started


def test_an_instance_that_refuses_the_champion_does_not_start(
    registry: RegistryDouble, served_model: DealModel, tmp_path: Path
) -> None:
    # given one that serves the champion before, from its own disk
    keep(served_model, tmp_path / "cache")
    (registry.folder / "model.txt").write_text("tree")
    champion = Champion(ModelRegistry(registry.address), tmp_path / "cache")
    champion.start()
    try:
        until(lambda: "was refused" in str(champion.status().problem))
    finally:
        champion.stop()
    # then
    assert _version(champion) == "7"
    assert not champion.status().started
    # nor when the registry then goes away
    registry.fails = True
    champion.look()
    assert not champion.status().started


def test_while_the_registry_is_away_the_last_known_champion_is_taken_for_the_right_one(
    registry: RegistryDouble, served_model: DealModel, tmp_path: Path
) -> None:
    registry.fails = True
    keep(served_model, tmp_path / "cache")
    champion, bare = (Champion(ModelRegistry(registry.address), tmp_path / name) for name in ("cache", "empty"))
    for one in (champion, bare):
        one.start()
        try:
            until(lambda one=one: "told to fail" in str(one.status().problem))  # type: ignore[misc]
        finally:
            one.stop()
    assert champion.status().started
    assert not bare.status().started


def test_who_is_woken_asks_at_once(registry: RegistryDouble, tmp_path: Path) -> None:
    # given a follower that asks once an hour by itself
    champion = Champion(ModelRegistry(registry.address), tmp_path / "cache", poll_seconds=3600)
    champion.start()
    try:
        until(lambda: _version(champion) == "1")
        registry.version = "2"
        # when
        champion.wake()
        # then
        until(lambda: _version(champion) == "2")
    finally:
        begin = time.monotonic()
        champion.stop()
    assert time.monotonic() - begin < 30


def test_a_model_that_answers_otherwise_than_when_it_was_made_is_refused(
    registry: RegistryDouble, tmp_path: Path
) -> None:
    # given
    refused: list[Identity] = []
    champion = Champion(ModelRegistry(registry.address), tmp_path / "cache", refused=refused.append)
    champion.look()
    golden = json.loads((registry.folder / "golden.json").read_text())
    golden["rows"][0][3] = 0.5
    (registry.folder / "golden.json").write_text(json.dumps(golden))
    manifest.write(registry.folder)
    # when
    registry.version = "2"
    champion.look()
    champion.look()
    # then
    assert _version(champion) == "1"
    assert "version 2 (run r2) was refused: golden row" in str(champion.status().problem)
    assert [one.version for one in refused] == ["2"]


def test_a_later_history_serves_until_another_version_does(registry: RegistryDouble, champion: Champion) -> None:
    # given
    champion.look()
    before = champion.status().served
    assert before is not None
    later = before.model.seen_with(before.model.deals, date(2018, 1, 15), "silver/later.parquet")
    # when
    assert champion.refresh(before, later)
    champion.look()
    # then
    served = champion.status().served
    assert served is not None
    assert (served.version, served.model.card.deals_key) == ("1", "silver/later.parquet")
    # and what was made for a model that serves no more is not taken
    registry.version = "2"
    champion.look()
    assert not champion.refresh(served, later)
    assert _version(champion) == "2"


def test_the_same_number_for_another_run_is_another_model(registry: RegistryDouble, champion: Champion) -> None:
    # given a registered model that is deleted and made anew while its version 1 serves
    champion.look()
    registry.version = None
    champion.look()
    assert "the registry has no champion any more, and version 1 (run r1) goes on" in str(champion.status().problem)
    # when
    registry.version, registry.run = "1", "r9"
    champion.look()
    # then
    served = champion.status().served
    assert served is not None
    assert (served.version, served.identity.run_id, champion.status().problem) == ("1", "r9", None)


def test_the_same_run_with_other_files_is_another_model(
    registry: RegistryDouble, champion: Champion, tmp_path: Path
) -> None:
    # given
    registry.tags = {"model_sha256": digest(registry.folder)}
    champion.look()
    before = champion.status().served
    assert before is not None
    # when the files change, and the tag does not
    card = json.loads((registry.folder / "card.json").read_text())
    (registry.folder / "card.json").write_text(json.dumps({**card, "seed": 8}))
    champion.look()
    # then what serves stays; a fresh instance refuses what is not what was registered
    assert champion.status().served is before
    fresh = Champion(ModelRegistry(registry.address), tmp_path / "fresh")
    fresh.look()
    assert fresh.status().served is None
    assert "the artifacts of version 1 (run r1) are not those that were registered" in str(fresh.status().problem)
    # and when the registry names the new files
    manifest.write(registry.folder)
    registry.tags = {"model_sha256": digest(registry.folder)}
    champion.look()
    served = champion.status().served
    assert served is not None
    assert (served.model.card.seed, served.identity.sha256) == (8, registry.tags["model_sha256"])


def test_a_copy_on_disk_that_is_not_what_it_was_is_told_and_not_served(
    served_model: DealModel, tmp_path: Path, logged: Logged
) -> None:
    # given a copy that can be read, and is another model's
    keep(served_model, tmp_path)
    card = json.loads((tmp_path / "closecast-7-run" / "card.json").read_text())
    (tmp_path / "closecast-7-run" / "card.json").write_text(json.dumps({**card, "seed": 8}))
    manifest.write(tmp_path / "closecast-7-run")
    champion = Champion(ModelRegistry(AWAY), tmp_path)
    # when
    champion.start()
    champion.stop()
    # then
    assert _version(champion) is None
    assert "version 7 (run run-7)" in str(logged())


def test_lost_artifacts_of_what_serves_are_told_until_they_are_back(registry: RegistryDouble, tmp_path: Path) -> None:
    # given
    champion = Champion(ModelRegistry(registry.address), tmp_path / "cache", stored_seconds=0)
    champion.look()
    assert champion.status().problem is None
    # when one file is gone
    (registry.folder / "golden.json").rename(tmp_path / "golden.json")
    champion.look()
    # then it serves, and says what a new instance could not do
    assert _version(champion) == "1"
    problem = str(champion.status().problem)
    assert "version 1 (run r1) serves from this machine's copy, its artifacts are gone" in problem
    assert "golden.json" in problem
    # and a fresh instance tells why it is not ready
    fresh = Champion(ModelRegistry(registry.address), tmp_path / "fresh")
    fresh.look()
    assert "cannot be taken up, its artifacts are gone" in str(fresh.status().problem)
    # and when it is back
    (tmp_path / "golden.json").rename(registry.folder / "golden.json")
    champion.look()
    assert champion.status().problem is None


def test_a_store_that_is_filled_after_the_start_is_soon_seen(registry: RegistryDouble, tmp_path: Path) -> None:
    # given an instance with its own copy, which starts before the store of artifacts is filled again
    Champion(ModelRegistry(registry.address), tmp_path / "cache").look()
    (registry.folder / "golden.json").rename(tmp_path / "golden.json")
    champion = Champion(ModelRegistry(registry.address), tmp_path / "cache", poll_seconds=0.1)
    champion.start()
    try:
        until(lambda: "its artifacts are gone" in str(champion.status().problem))
        # when
        (tmp_path / "golden.json").rename(registry.folder / "golden.json")
        # then
        until(lambda: champion.status().problem is None, seconds=30)
    finally:
        champion.stop()
