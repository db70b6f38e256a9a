"""The record of champions, in a real audit log: what promotions and instances of the API write, and what is read from it."""

import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from mlflow import MlflowClient

from closecast.platform.callers import audit
from closecast.platform.database import connect
from closecast.platform.mlflow import champions
from closecast.platform.mlflow.champions import Change, Tenure
from closecast.platform.mlflow.identity import Identity
from closecast.platform.mlflow.promotions import PromotionError, hold_promotion_lock
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.settings import DatabaseSettings
from tests.conftest import Logged

pytestmark = pytest.mark.integration


def _model(version: str) -> Identity:
    """A model that no other test has."""
    return Identity(version, uuid.uuid4().hex, "a" * 64)


def _read(database_url: str, *models: Identity) -> list[Tenure]:
    runs = {one.run_id for one in models}
    with connect(database_url) as connection:
        return [one for one in champions.tenures(connection) if one.model.run_id in runs]


def _see(database_url: str, model: Identity, named_at: datetime, by: str = "api 127.0.0.1:1") -> None:
    details = champions.details_of(model, None) | {"named_at": named_at.isoformat()}
    with connect(database_url) as connection:
        audit.append(connection, by, champions.SEEN, champions.subject_of(model), details)


def _version(mlflow_uri: str, registry: ModelRegistry) -> Identity:
    client = MlflowClient(mlflow_uri)
    run = client.create_run("0")
    client.log_text(run.info.run_id, "nothing", "model/model.txt")
    return registry.identity(registry.register(run.info.run_id, {"source": "synthetic"}))


def test_a_promotion_is_in_the_audit_log_with_its_reason(
    mlflow_uri: str, empty_registry: ModelRegistry, promotion_lock: DatabaseSettings, database_url: str, logged: Logged
) -> None:
    first, second = (_version(mlflow_uri, empty_registry) for _ in range(2))
    # when
    with hold_promotion_lock(promotion_lock.url, "flow train/slow-otter") as held:
        assert held.promote(empty_registry, first, None, Change(reason="it is better"))
        assert held.promote(empty_registry, second, first, Change(champions.ROLLED_BACK, request_id="r-1"))
        assert not held.promote(empty_registry, first, None)
    # then
    one, other = _read(database_url, first, second)
    assert (one.model, one.act, one.by, one.reason, one.until) == (
        first,
        "model promoted",
        "flow train/slow-otter",
        "it is better",
        other.since,
    )
    assert (other.model, other.act, other.until) == (second, "model rolled back", None)
    with connect(database_url) as connection:
        entry = audit.page(connection, 1)[0]
        assert audit.verify(connection).fault is None
    assert (entry.subject, entry.request_id) == (f"model version {second.version}", "r-1")
    assert f'"run_id_before": "{first.run_id}"' in entry.details
    # and its seal in this process's own log
    seals = [line["seal"] for line in logged() if line["event"] == "audit"]
    assert seals[-1] == entry.sha256.hex()


def test_what_cannot_be_logged_is_not_promoted(
    mlflow_uri: str, empty_registry: ModelRegistry, monitoring_url: str
) -> None:
    model = _version(mlflow_uri, empty_registry)
    with (
        pytest.raises(PromotionError, match="the audit log cannot be written by this role, so nothing was promoted"),
        hold_promotion_lock(monitoring_url, "a role without the right") as held,
    ):
        held.promote(empty_registry, model, None)
    assert empty_registry.champion_identity() is None


def test_the_promoters_function_logs_promotions_and_nothing_else(promotion_lock: DatabaseSettings) -> None:
    with connect(promotion_lock.url) as connection:
        for act in ("key created", "promotion seen"):
            with pytest.raises(psycopg.errors.RaiseException, match="logs no act"):
                connection.execute("SELECT log_champion(%s, 'x', 'y', '{}', NULL)", [act])
        for statement in (
            "SELECT 1 FROM audit_log",
            "DELETE FROM audit_log",
            "INSERT INTO audit_log (act) VALUES ('x')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_what_instances_saw_completes_the_record_and_repeats_nothing(database_url: str) -> None:
    first, second, begin = _model("1"), _model("2"), datetime.now(UTC)
    # given: one was moved by hand, and seen by two instances
    _see(database_url, first, begin)
    _see(database_url, first, begin + timedelta(microseconds=1), "api 127.0.0.1:2")
    # and the other was seen between the move and the entry of who moved it
    moved = datetime.now(UTC)
    _see(database_url, second, moved)
    with connect(database_url) as connection:
        champions.log_change(connection, "key:operator", second, first, Change(champions.ROLLED_BACK, "at night"))
    # when an instance that was slow to load tells late what it saw before
    _see(database_url, first, moved - timedelta(microseconds=1), "api 127.0.0.1:3")
    # then
    one, other = _read(database_url, first, second)
    assert (one.model, one.act, one.by) == (first, "promotion seen", "api 127.0.0.1:1")
    assert (one.since, one.until) == (begin, moved)
    assert (other.act, other.by, other.reason, other.since) == ("model rolled back", "key:operator", "at night", moved)
