"""The forecasts of past weeks that `up` has made: as of the export's date, and never in the way of `up`.

A double stands for Prefect; tests/e2e asks the real one.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.model.forecasts import record_forecasts
from ops.nomad import jobs
from ops.nomad.cluster import Cluster
from ops.setup.credentials import Credentials
from tests.http_double import Double

RUN = "POST /api/deployments/f/create_flow_run"


@pytest.fixture
def cluster(state: Path, double: Double, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    state.mkdir()
    Credentials.load_or_create()
    monkeypatch.setattr(jobs, "address", lambda _cluster, _name: double.address)
    _ends(double, "COMPLETED")
    double.answers |= {
        "GET /api/deployments/name/forecast/closecast": (200, {"id": "f"}),
        RUN: (201, {"id": "r"}),
        "POST /api/task_runs/filter": (200, []),
    }
    return Cluster(double.address, "token")


def _ends(double: Double, state: str, message: str = "") -> None:
    run = {"id": "r", "name": "owl", "state_type": state, "state": {"message": message}, "tags": []}
    double.answers["GET /api/flow_runs/r"] = (200, run)


@pytest.mark.parametrize(("kept", "asked"), [(None, {}), ("2017-12-31", {"as_of": "2017-12-31"})])
def test_the_flow_runs_as_of_the_date_that_was_trained_on(
    cluster: Cluster, double: Double, state: Path, kept: str | None, asked: dict[str, Any]
) -> None:
    (state / "source.json").write_text(json.dumps({"as_of": kept}))
    record_forecasts(cluster)
    bodies = [json.loads(body)["parameters"] for route, body in double.asked if route == RUN]
    assert bodies == [asked]


def test_a_flow_that_fails_is_told_with_what_to_do(
    cluster: Cluster, double: Double, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    (state / "source.json").write_text("{}")
    _ends(double, "FAILED", "the lake is away")
    # when
    record_forecasts(cluster)
    # then
    said = " ".join(capsys.readouterr().out.split())
    assert "the forecasts of past weeks were not made: " in said
    assert "the lake is away" in said
    assert "`just prefect-run forecast/closecast`" in said
