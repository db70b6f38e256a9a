"""Who moves the alias `champion`: one at a time, on real servers, also when the others are killed or do not keep to it."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
from mlflow import MlflowClient

from closecast.models.candidate import Candidate
from closecast.platform.mlflow.promotions import PromotionError, hold_promotion_lock
from closecast.platform.mlflow.publication import publish
from closecast.platform.mlflow.registry import Identity, ModelRegistry
from closecast.platform.settings import DatabaseSettings
from tests.killable import Database
from tests.models import ingested
from tests.servers.processes import PROJECT, free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]
_AT = datetime(2018, 1, 2, tzinfo=UTC)

# Told which version is its own; for each line it reads, it looks at the champion and makes its own version champion.
_PROMOTER = """
import json, sys, time
from closecast.platform.mlflow.promotions import hold_promotion_lock
from closecast.platform.mlflow.registry import ModelRegistry

uri, url, version = sys.argv[1:]
registry = ModelRegistry(uri)
mine = registry.identity(version)
print("ready", flush=True)
for _ in sys.stdin:
    with hold_promotion_lock(url, f"promoter of {version}") as held:
        before = registry.champion_identity()
        time.sleep(0.05)
        done = held.promote(registry, mine, before)
    print(json.dumps({"mine": version, "before": before and before.version, "done": done}), flush=True)
"""
_PUBLISHER = """
import json, pickle, sys
from datetime import UTC, datetime
from closecast.models.candidate import build
from closecast.platform.mlflow.publication import publish
from closecast.platform.settings import DatabaseSettings

file, uri, url = sys.argv[1:]
with open(file, "rb") as given:
    data = pickle.load(given)
candidate = build(data.deals, seed=7, threads=1)
figures = candidate.report()
type(candidate).report = lambda _self: figures  # once: both are to be at the champion as often as they can
import mlflow
print("ready", flush=True)
for _ in sys.stdin:
    made = publish(candidate, data, uri, lock=DatabaseSettings(url), gold_key="gold/3", by="a process",
                   at=datetime(2018, 1, 2, tzinfo=UTC), git_commit=None)
    print(json.dumps({"mine": made.version, "promoted": made.decision.promoted, "reasons": made.decision.reasons}), flush=True)
"""
_HOLDER = """
import sys, time
from closecast.platform.mlflow.promotions import hold_promotion_lock

with hold_promotion_lock(sys.argv[1], "flow train/slow-otter"):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def _process(code: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Python in a process of its own, once it has printed its first line."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "NO_PROXY": "127.0.0.1,localhost"}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() in ("ready", "held")
        yield process
    finally:
        process.kill()
        process.communicate()


def _at_once(processes: list["subprocess.Popen[str]"]) -> list[dict[str, Any]]:
    """Each is given one line; what each answers."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [json.loads(process.stdout.readline()) for process in processes if process.stdout is not None]


@pytest.fixture
def versions(mlflow_uri: str, empty_registry: ModelRegistry) -> list[Identity]:
    """Three versions of nothing in particular, none of them champion."""
    client = MlflowClient(mlflow_uri)
    return [empty_registry.identity(_version(client, empty_registry)) for _ in range(3)]


def _version(client: MlflowClient, registry: ModelRegistry) -> str:
    run = client.create_run("0")
    client.log_text(run.info.run_id, "nothing", "model/model.txt")
    return registry.register(run.info.run_id, {"source": "synthetic"})


def test_of_two_at_once_the_second_sees_the_first(
    mlflow_uri: str, promotion_lock: DatabaseSettings, versions: list[Identity]
) -> None:
    client, registry = MlflowClient(mlflow_uri), ModelRegistry(mlflow_uri)
    first, second, _ = (one.version for one in versions)
    with (
        _process(_PROMOTER, mlflow_uri, promotion_lock.url, first) as one,
        _process(_PROMOTER, mlflow_uri, promotion_lock.url, second) as other,
    ):
        for _ in range(15):
            # given no champion
            client.delete_registered_model_alias("closecast", "champion")
            # when
            told = _at_once([one, other])
            # then one saw none, and the other saw that one
            assert all(each["done"] for each in told)
            (winner,) = [each["mine"] for each in told if each["before"] is None]
            (loser,) = [each for each in told if each["before"] is not None]
            assert loser["before"] == winner != loser["mine"] == registry.champion_version()


@pytest.mark.timeout(600)
def test_two_trainings_at_once_are_one_champion_and_one_that_was_compared_with_it(
    mlflow_on_s3: str, promotion_lock: DatabaseSettings, made_up_deals: pd.DataFrame, tmp_path: Path
) -> None:
    # given the same candidate in two processes, and an empty registry
    client = MlflowClient(mlflow_on_s3)
    given = tmp_path / "data"
    given.write_bytes(pickle.dumps(ingested(made_up_deals)))
    arguments = (str(given), mlflow_on_s3, promotion_lock.url)
    with _process(_PUBLISHER, *arguments) as one, _process(_PUBLISHER, *arguments) as other:
        for _ in range(2):
            for model in client.search_registered_models():
                client.delete_registered_model(model.name)
            # when
            told = _at_once([one, other])
            # then
            (winner,) = [each for each in told if each["promoted"]]
            (loser,) = [each for each in told if not each["promoted"]]
            assert winner["reasons"][-1].endswith("there is no champion yet")
            assert any("not clearly below the champion's" in reason for reason in loser["reasons"])
            tags = ModelRegistry(mlflow_on_s3).tags(loser["mine"])
            assert tags["decision_champion"].startswith(f"version {winner['mine']} (run ")
            assert client.get_model_version_by_alias("closecast", "champion").version == winner["mine"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_ends_with_whoever_held_it(promotion_lock: DatabaseSettings, number: int) -> None:
    with _process(_HOLDER, promotion_lock.url) as holder:
        holder.send_signal(number)
        with hold_promotion_lock(promotion_lock.url, "the next one", seconds=30):
            pass


def test_who_waits_too_long_is_told_for_whom(promotion_lock: DatabaseSettings) -> None:
    # given a holder that hangs
    with _process(_HOLDER, promotion_lock.url) as holder:
        holder.send_signal(signal.SIGSTOP)
        # when / then
        begin = time.monotonic()
        with (
            pytest.raises(
                PromotionError, match=r"did not end within 1 s \(since 20..-..-..T..:..:..Z, flow train/slow-otter\)"
            ),
            hold_promotion_lock(promotion_lock.url, "the next one", seconds=1),
        ):
            pytest.fail("the lock was had twice")
        assert time.monotonic() - begin < 30


def test_a_database_that_is_away_is_told_without_its_password() -> None:
    url = f"postgresql://promoter:very-secret@127.0.0.1:{free_port()}/closecast"
    away = pytest.raises(PromotionError, match="the database that holds the lock of promotions is away")
    with away as caught, hold_promotion_lock(url, "a test"):
        pytest.fail("the lock was had from nobody")
    assert "very-secret" not in str(caught.value)


def test_a_lock_that_was_lost_with_the_database_promotes_nothing(
    mlflow_uri: str, versions: list[Identity], server_folder: Path
) -> None:
    registry = ModelRegistry(mlflow_uri)
    database = Database(server_folder / "of-the-lock")
    database.start()
    try:
        with hold_promotion_lock(database.url, "the first") as held:
            # when the database is restarted, and another one has the lock
            database.stop()
            database.start()
            with (
                hold_promotion_lock(database.url, "the second", seconds=30),
                pytest.raises(PromotionError, match="the lock of promotions was lost"),
            ):
                held.promote(registry, versions[0], None)
    finally:
        database.stop()
    assert registry.champion_identity() is None


def test_the_role_of_the_lock_may_do_nothing_else(promotion_lock: DatabaseSettings, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    assert "predictions" in tables
    for statement in (
        *(f"SELECT * FROM {table}" for table in tables),
        "CREATE TABLE mine ()",
        "CREATE TEMPORARY TABLE mine ()",
    ):
        with psycopg.connect(promotion_lock.url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(promotion_lock.url.replace("/closecast", "/mlflow"))


def test_an_alias_moved_by_hand_meanwhile_is_left_where_it_is(
    mlflow_uri: str, promotion_lock: DatabaseSettings, versions: list[Identity]
) -> None:
    registry, client = ModelRegistry(mlflow_uri), MlflowClient(mlflow_uri)
    mine, theirs, earlier = versions
    registry.promote(earlier.version)
    with hold_promotion_lock(promotion_lock.url, "a test") as held:
        expected = registry.champion_identity()
        assert expected == earlier
        # when
        client.set_registered_model_alias("closecast", "champion", theirs.version)
        # then
        assert not held.promote(registry, mine, expected)
        assert registry.champion_identity() == theirs
        client.delete_registered_model_alias("closecast", "champion")
        assert not held.promote(registry, mine, theirs)
        assert registry.champion_identity() is None
        # and back to an earlier one is the same step
        assert held.promote(registry, earlier, None)
        assert held.promote(registry, theirs, earlier)
        assert held.promote(registry, earlier, theirs)
    assert registry.champion_identity() == earlier


def test_a_number_that_was_given_to_another_model_meanwhile_is_not_promoted(
    mlflow_uri: str, promotion_lock: DatabaseSettings, versions: list[Identity]
) -> None:
    registry, client = ModelRegistry(mlflow_uri), MlflowClient(mlflow_uri)
    mine = versions[0]
    with hold_promotion_lock(promotion_lock.url, "a test") as held:
        client.delete_registered_model("closecast")
        other = _version(client, registry)
        assert other == mine.version
        with pytest.raises(
            PromotionError, match=f"version {other} .* the registry has another model under that number"
        ):
            held.promote(registry, mine, None)
        # and an expected champion that has its number only is another one too
        registry.promote(other)
        newest = registry.identity(_version(client, registry))
        assert not held.promote(registry, newest, mine)
    assert registry.champion_version() == other


@pytest.mark.usefixtures("computed_once")
def test_a_champion_that_came_by_hand_is_measured_too(
    mlflow_uri: str,
    empty_registry: ModelRegistry,
    promotion_lock: DatabaseSettings,
    made_up_candidate: Candidate,
    made_up_deals: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The alias is moved at MLflow's own interface in the moment between the decision and the promotion."""
    client, data = MlflowClient(mlflow_uri), ingested(made_up_deals)
    genuine = ModelRegistry.challenge

    def published() -> Any:
        return publish(
            made_up_candidate,
            data,
            mlflow_uri,
            lock=promotion_lock,
            gold_key="gold/3",
            by="a test",
            at=_AT,
            git_commit=None,
        )

    # given a version that nobody made champion
    first = published()
    client.delete_registered_model_alias("closecast", "champion")
    moved: list[str] = []

    def by_hand(registry: ModelRegistry, version: str, evidence: dict[str, str]) -> None:
        genuine(registry, version, evidence)
        if not moved:
            moved.append(version)
            client.set_registered_model_alias("closecast", "champion", first.version)

    monkeypatch.setattr(ModelRegistry, "challenge", by_hand)
    # when
    second = published()
    # then it was measured again, and what is written down is the second decision
    assert not second.decision.promoted
    assert any("not clearly below the champion's" in reason for reason in second.decision.reasons)
    assert empty_registry.champion_version() == first.version
    tags = empty_registry.tags(second.version)
    assert tags["decision"] == "refused"
    assert tags["decision_champion"].startswith(f"version {first.version} (run ")

    # when it is moved each time, then that ends
    hands = iter(["delete", first.version, "delete", first.version])

    def each_time(registry: ModelRegistry, version: str, evidence: dict[str, str]) -> None:
        genuine(registry, version, evidence)
        client.delete_registered_model_alias("closecast", "champion")
        if (to := next(hands)) != "delete":
            client.set_registered_model_alias("closecast", "champion", to)

    monkeypatch.setattr(ModelRegistry, "challenge", each_time)
    client.set_registered_model_alias("closecast", "champion", first.version)
    real = replace(data, source="file:sales.csv")
    with pytest.raises(PromotionError, match="changed the champion each of the 3 times"):
        publish(
            made_up_candidate,
            real,
            mlflow_uri,
            lock=promotion_lock,
            gold_key="gold/3",
            by="a test",
            at=_AT,
            git_commit=None,
        )
    last = client.get_model_version_by_alias("closecast", "challenger")
    assert (last.tags["decision"], last.tags["decision_reasons"].split(" each")[0]) == (
        "refused",
        "somebody else changed the champion",
    )


def test_nobody_else_moves_the_alias() -> None:
    """Every writer goes through a turn: no other code of the product calls what moves the alias."""
    found = {
        str(file.relative_to(PROJECT))
        for room in ("closecast", "flows", "services", "ops")
        for file in (PROJECT / room).rglob("*.py")
        if "registry.promote(" in (text := file.read_text()) or "registered_model_alias" in text
    }
    assert found == {"closecast/platform/mlflow/promotions.py"}
