"""The jobs of alerts on a real Nomad: what Prometheus sees goes through Alertmanager and the outbox to a sink."""

import json
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from closecast.platform.alerts.message import Message, from_json
from closecast.platform.database import connect, migrate
from ops.nomad import jobs
from ops.nomad.cluster import wait
from ops.setup import metrics_binaries
from tests.clusters import Scheduler, scheduler
from tests.integration.platform.alerts.receivers import Received, http_receiver

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]

# What Prometheus scrapes: a journal whose messages were set aside, and an API that is well.
_JOURNAL = "closecast_journal_dead_messages 3\n"
_API = "closecast_model_problem 0\n"


@pytest.fixture
def received() -> Iterator[Received]:
    with http_receiver() as found:
        yield found


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, received: Received) -> Iterator[Scheduler]:
    if metrics_binaries.find() is None:
        pytest.skip(metrics_binaries.ABSENT)
    with scheduler(monkeypatch) as made:
        sinks = [{"kind": "webhook", "name": "hook", "url": received.url, "secret": "a secret of the receiver"}]
        credentials = replace(made.credentials, alert_sinks=json.dumps(sinks))
        made.cluster.put_variable("nomad/jobs/alerts", credentials.variables()["alerts"])
        yield made


def test_an_alert_on_metrics_reaches_a_sink_and_so_does_its_end(platform: Scheduler, received: Received) -> None:
    # given rules that need not last for a quarter of an hour
    rules = platform.state / "runtime" / "code" / "policies" / "alerts"
    for file in rules.glob("*.yaml"):
        file.write_text(file.read_text().replace("for: 15m", "for: 0s"))
    platform.run("postgres")
    wait(lambda: jobs.health(platform.cluster, "postgres").healthy, 60, "the health of PostgreSQL")
    address = jobs.address(platform.cluster, "postgres").removeprefix("postgresql://")
    migrate(f"postgresql://closecast:{platform.credentials.closecast_database_password}@{address}/closecast")
    for name, content in {"api": _API, "journal": _JOURNAL, "object-store": ""}.items():
        folder = platform.state / f"files-{name}"
        folder.mkdir()
        (folder / "metrics").write_text(content)
        platform.run_files(name, folder)
    # when
    for name in ("alerts", "alertmanager", "prometheus"):
        platform.run(name)
    for name in ("alerts", "alertmanager", "prometheus"):
        wait(lambda name=name: jobs.health(platform.cluster, name).healthy, 150, f"the health of {name}")  # type: ignore[misc]
    # then
    wait(lambda: _heard(received, "firing") != [], 240, "the alert")
    [message] = _heard(received, "firing")
    assert (message.rule, message.severity) == ("journal_set_aside", "note")
    assert message.alerts[0].description.startswith("3 messages")
    # and when the reason is gone
    (platform.state / "files-journal" / "metrics").write_text(_JOURNAL.replace("3", "0"))
    wait(lambda: _heard(received, "resolved") != [], 300, "the end of the alert")
    # then nobody is let in who knows no password, and nobody from elsewhere can try
    for name in ("alertmanager", "prometheus"):
        url = jobs.address(platform.cluster, name)
        assert url.startswith("http://127.0.0.1:")
        for path in ("/", "/-/healthy", "/metrics", "/api/v1/alerts", "/api/v2/alerts"):
            assert httpx.get(f"{url}{path}", trust_env=False).status_code == 401
        password = getattr(platform.credentials, f"{name}_password")
        assert httpx.get(f"{url}/-/healthy", auth=("closecast", password), trust_env=False).status_code == 200
    receiver = f"{jobs.address(platform.cluster, 'alerts')}/v1/alertmanager"
    assert httpx.post(receiver, json={"version": "4", "alerts": []}, trust_env=False).status_code == 401
    with connect(f"postgresql://alerts:{platform.credentials.alerts_database_password}@{address}/closecast") as mine:
        assert mine.execute("SELECT count(*) FROM alerts WHERE closed_at IS NULL").fetchone() == (0,)


def _heard(received: Received, kind: str) -> list[Message]:
    messages = [from_json(body) for _, _, body in received.requests]
    return [one for one in messages if one.kind == kind and one.rule == "journal_set_aside"]
