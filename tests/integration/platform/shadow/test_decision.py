"""What follows from outcomes, on a real registry and database: promotion by policy, rollback, and calls that were killed."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from closecast.platform.mlflow.promotions import PromotionError, hold_promotion_lock
from closecast.platform.mlflow.registry import (
    CHALLENGER_ROLE,
    FORMER_ROLE,
    SAID_TAG,
    ModelRegistry,
    RegistryError,
)
from closecast.platform.settings import WATCH_DAYS
from closecast.platform.shadow.decision import Policy
from tests.servers.processes import PROJECT, free_port
from tests.shadow_stage import AT, Stage
from tests.waiting import until

pytestmark = pytest.mark.integration
_DECIDER = """
import sys
from datetime import datetime
from closecast.platform.database import connect
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.shadow.decision import decide

url, uri, lock, at = sys.argv[1:]
with connect(url, application_name="a decider") as connection:
    registry = ModelRegistry(uri)
    print(decide(connection, registry, lock, policy="auto", at=datetime.fromisoformat(at), by="a process").action)
"""


def test_without_a_version_in_shadow_nothing_happens(stage: Stage) -> None:
    assert stage.decide().action == "none"
    assert stage.changes() == []


def test_a_better_challenger_is_promoted_and_the_former_champion_goes_to_shadow(stage: Stage) -> None:
    # given
    stage.registry.put_in_shadow(stage.new.version, CHALLENGER_ROLE, AT)
    stage.answered(stage.old, stage.new, better=stage.new)
    # when
    done, again = stage.decide(), stage.decide()
    # then
    assert done.action == "promoted"
    assert stage.aliases() == (stage.new.version, stage.old.version)
    assert stage.changes() == [("promotion", stage.new.version, stage.old.version, "done", "auto", "a test")]
    tags = stage.registry.tags(stage.new.version)
    assert tags["decision"] == "promoted"
    assert "proved on 2018-" in tags["decision_reasons"]
    assert stage.registry.tags(stage.old.version)["shadow_role"] == FORMER_ROLE
    # and doing it again changes nothing
    assert again.action == "waiting"
    assert again.role == FORMER_ROLE
    assert len(stage.changes()) == 1
    evidence = stage.owner.execute(
        "SELECT evidence ->> 'verdict', evidence ->> 'deals' FROM champion_changes"
    ).fetchone()
    # Each deal is asked about once. Of those of the first day most have no later question that could count.
    assert evidence is not None
    assert evidence[0] == "better"
    assert 1_450 < int(evidence[1]) < 1_500


def test_by_the_policy_manual_it_is_ready_and_stays_in_shadow(stage: Stage) -> None:
    # given
    stage.registry.put_in_shadow(stage.new.version, CHALLENGER_ROLE, AT)
    stage.answered(stage.old, stage.new, better=stage.new)
    # when
    done = stage.decide("manual")
    # then
    assert done.action == "ready"
    assert "leaves the promotion to a person" in done.sentence
    assert stage.aliases() == (stage.old.version, stage.new.version)
    assert stage.changes() == []


def test_a_worse_challenger_leaves_the_shadow(stage: Stage) -> None:
    # given
    stage.registry.put_in_shadow(stage.new.version, CHALLENGER_ROLE, AT)
    stage.answered(stage.old, stage.new, better=stage.old)
    # when
    done = stage.decide()
    # then
    assert done.action == "ended"
    assert stage.aliases() == (stage.old.version, None)
    assert "the shadow model is worse" in stage.registry.tags(stage.new.version)[SAID_TAG]


def test_before_outcomes_it_says_how_many_deals_are_missing(stage: Stage) -> None:
    # given
    stage.registry.put_in_shadow(stage.new.version, CHALLENGER_ROLE, AT)
    stage.answered(stage.old, stage.new, better=None, deals=400)
    stage.owner.execute("UPDATE judgements SET reach = '2017-12-31'")
    # when
    done = stage.decide(at=datetime(2018, 1, 1, tzinfo=UTC))
    # then
    assert done.action == "waiting"
    assert done.comparison is not None
    assert done.comparison.forecast is not None
    assert done.comparison.deals < 10
    assert (done.comparison.forecast.deals or 0) > 10
    assert "more matured deals needed, likely by 2018-" in done.sentence
    kept = stage.owner.execute("SELECT reach, verdict, sentence FROM shadow_comparisons").fetchall()
    assert kept == [(date(2017, 12, 31), "inconclusive", done.comparison.sentence)]


@pytest.mark.parametrize("policy", ["auto", "manual"])
def test_a_former_champion_that_is_proved_better_comes_back_and_nothing_stays_in_shadow(
    stage: Stage, policy: Policy
) -> None:
    # given a promotion by outcomes, and then outcomes that say otherwise
    stage.registry.put_in_shadow(stage.new.version, CHALLENGER_ROLE, AT)
    stage.answered(stage.old, stage.new, better=stage.new)
    assert stage.decide().action == "promoted"
    stage.answered(stage.new, stage.old, better=stage.old, of="later", seed=2)
    # when
    done, again = stage.decide(policy), stage.decide(policy)
    # then
    assert (done.action, again.action) == ("rolled back", "none")
    assert stage.aliases() == (stage.old.version, None)
    assert [(one[0], one[1], one[3]) for one in stage.changes()] == [
        ("promotion", stage.new.version, "done"),
        ("rollback", stage.old.version, "done"),
    ]
    # and what was evidence once is none again
    stage.registry.put_in_shadow(stage.new.version, CHALLENGER_ROLE, AT)
    once_more = stage.decide()
    assert once_more.action == "waiting"
    assert once_more.comparison is not None
    assert once_more.comparison.deals == 0


def test_a_former_champion_leaves_the_shadow_when_its_time_is_over(stage: Stage) -> None:
    # given
    stage.registry.put_in_shadow(stage.new.version, FORMER_ROLE, AT)
    stage.answered(stage.old, stage.new, better=None, deals=50)
    # when / then
    assert stage.decide(at=AT + timedelta(days=WATCH_DAYS)).action == "waiting"
    assert stage.decide(at=AT + timedelta(days=WATCH_DAYS + 1)).action == "ended"
    assert stage.aliases() == (stage.old.version, None)


def test_a_shadow_of_the_champion_itself_ends(stage: Stage) -> None:
    stage.registry.put_in_shadow(stage.old.version, CHALLENGER_ROLE, AT)
    assert stage.decide().action == "ended"
    assert stage.aliases() == (stage.old.version, None)


def test_a_change_that_was_interrupted_is_completed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # given the registry goes away before, or right after, the alias `champion` is moved
    stage.registry.put_in_shadow(stage.new.version, CHALLENGER_ROLE, AT)
    stage.answered(stage.old, stage.new, better=stage.new)
    gone = ModelRegistry(f"http://127.0.0.1:{free_port()}")
    for step, aliases in (
        ("promote", (stage.old.version, stage.new.version)),
        ("put_in_shadow", (stage.new.version, stage.new.version)),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(stage.registry, step, getattr(gone, step))
            with pytest.raises(RegistryError, match="does not answer"):
                stage.decide()
        assert stage.aliases() == aliases
        assert [one[3] for one in stage.changes()] == ["begun"]
    # when
    done = stage.decide("manual")
    # then
    assert done.action == "promoted"
    assert stage.aliases() == (stage.new.version, stage.old.version)
    assert [one[3] for one in stage.changes()] == ["done"]


def test_a_change_that_somebody_overtook_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    stage.registry.put_in_shadow(stage.new.version, CHALLENGER_ROLE, AT)
    stage.answered(stage.old, stage.new, better=stage.new)
    gone = ModelRegistry(f"http://127.0.0.1:{free_port()}")
    with monkeypatch.context() as patched:
        patched.setattr(stage.registry, "promote", gone.promote)
        with pytest.raises(RegistryError):
            stage.decide()
    # when the alias was taken from it by hand meanwhile
    stage.registry.end_shadow()
    done = stage.decide()
    # then
    assert done.action == "none"
    assert "overtaken" in done.sentence
    assert stage.aliases() == (stage.old.version, None)
    assert [one[3] for one in stage.changes()] == ["overtaken"]


def test_several_at_once_and_one_that_is_killed_promote_once(
    stage: Stage, monitoring_url: str, mlflow_uri: str
) -> None:
    # given the lock is held, so that all of them wait
    stage.registry.put_in_shadow(stage.new.version, CHALLENGER_ROLE, AT)
    stage.answered(stage.old, stage.new, better=stage.new)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", _DECIDER, monitoring_url, mlflow_uri, stage.lock, AT.isoformat()]
    with hold_promotion_lock(stage.lock, "a test"):
        deciders = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        until(lambda: stage.owner.execute(waiting).fetchone() == (3,), 60)
        # when
        deciders[0].send_signal(signal.SIGKILL)
    said = [one.communicate(timeout=60)[0].strip() for one in deciders]
    # then
    assert sorted(said[1:]) == ["promoted", "waiting"]
    assert stage.aliases() == (stage.new.version, stage.old.version)
    assert [one[3] for one in stage.changes()] == ["done"]


def test_while_the_registry_or_the_lock_is_away_nothing_is_decided(stage: Stage) -> None:
    stage.registry.put_in_shadow(stage.new.version, CHALLENGER_ROLE, AT)
    stage.answered(stage.old, stage.new, better=stage.new)
    away = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(RegistryError):
        replace(stage, registry=ModelRegistry(away)).decide()
    nowhere = f"postgresql://promoter:secret@127.0.0.1:{free_port()}/closecast"
    with pytest.raises(PromotionError):
        replace(stage, lock=nowhere).decide()
    assert stage.aliases() == (stage.old.version, stage.new.version)
    assert stage.changes() == []
