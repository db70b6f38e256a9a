"""Alerts that follow from verdicts, on a real PostgreSQL."""

from collections.abc import Iterator

import pytest

from closecast.monitoring.verdict import Verdict
from closecast.platform.alerts import rules
from closecast.platform.alerts.outbox import open_alerts
from closecast.platform.database import connect
from closecast.platform.journal.store import Connection
from closecast.platform.monitoring.alerting import tell_quality, tell_retraining, tell_verdict
from tests.servers.processes import PROJECT

pytestmark = pytest.mark.integration

_RULES = rules.load(PROJECT / "policies" / "alerts")
_LINKS = {"report": "http://127.0.0.1:5000/#/runs/1"}


@pytest.fixture
def connection(database_url: str, monitoring_url: str) -> Iterator[Connection]:
    with connect(database_url) as owner:
        owner.execute("TRUNCATE alerts CASCADE")
    with connect(monitoring_url) as connection:
        yield connection


def _tell(connection: Connection, verdict: Verdict, run: str = "run-7") -> list[str]:
    model = {"version": run[-1], "run_id": run}
    return tell_verdict(connection, _RULES, verdict, ["outcomes prove it"], model, _LINKS)


def _open(connection: Connection) -> list[tuple[str, str]]:
    return sorted((one.rule, one.key) for one in open_alerts(connection))


@pytest.mark.parametrize("verdict", [Verdict.STEADY, Verdict.SHIFTED, Verdict.NOT_JUDGED])
def test_only_harm_opens_an_alert(connection: Connection, verdict: Verdict) -> None:
    assert _tell(connection, verdict) == []
    assert _open(connection) == []


def test_harm_is_one_alert_with_its_links_until_it_is_over(connection: Connection) -> None:
    # when it is found on three days, on one of which nothing could be judged
    found = [_tell(connection, one) for one in (Verdict.PROVED, Verdict.NOT_JUDGED, Verdict.PROVED)]
    # then
    assert found == [["harmful_proved"], [], []]
    (alert,) = open_alerts(connection)
    assert (alert.severity, alert.key, alert.labels) == ("page", "run-7", {"version": "7", "run_id": "run-7"})
    assert alert.links == {**_LINKS, "runbook": "docs/runbooks.md#harmful_proved"}
    assert alert.description.endswith("Found: outcomes prove it.")
    # and when it is over
    _tell(connection, Verdict.STEADY)
    assert _open(connection) == []


def test_estimated_harm_that_is_proved_is_the_other_alert(connection: Connection) -> None:
    assert _tell(connection, Verdict.ESTIMATED) == ["harmful_estimated"]
    assert _tell(connection, Verdict.PROVED) == ["harmful_proved"]
    assert _open(connection) == [("harmful_proved", "run-7")]


def test_the_alert_of_an_earlier_model_ends_with_the_next_one(connection: Connection) -> None:
    _tell(connection, Verdict.PROVED)
    _tell(connection, Verdict.NOT_JUDGED, run="run-8")
    assert _open(connection) == []


def test_a_worse_export_is_told_until_it_is_as_good_again(connection: Connection) -> None:
    assert not tell_quality(connection, _RULES, 0.96, 1.0, {})
    assert not tell_quality(connection, _RULES, 0.9, None, {})
    assert tell_quality(connection, _RULES, 0.9, 1.0, {})
    assert not tell_quality(connection, _RULES, 0.9, 1.0, {})
    assert _open(connection) == [("data_quality", "export")]
    assert not tell_quality(connection, _RULES, 0.97, 1.0, {})
    assert _open(connection) == []


def test_a_failed_retraining_is_told_until_one_ends_well(connection: Connection) -> None:
    tell_retraining(connection, _RULES, 4, "SourceError: the file is gone")
    assert _open(connection) == [("retraining_failed", "retraining 4")]
    tell_retraining(connection, _RULES, 5, None)
    assert _open(connection) == []
