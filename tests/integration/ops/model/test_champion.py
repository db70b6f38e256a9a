"""A champion for `up`: trained when there is none or something is another, kept while nothing is, and predicted with.

One double stands for Nomad, Prefect, MLflow and the API, because each must answer on order; tests/e2e asks the real ones.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.errors import OperatorError
from ops.model import champion, signing
from ops.nomad import jobs
from ops.nomad.cluster import Cluster
from ops.setup.credentials import Credentials
from tests.http_double import Double

ALIAS = "GET /api/2.0/mlflow/registered-models/alias"
RUN = "POST /api/deployments/d/create_flow_run"
VERSION = {"version": "3", "run_id": "run-3", "tags": []}
OWN = {"is_platforms_source": True}  # of each training that `up` asks for
DEAL = {
    "opportunity_id": "A1",
    "sales_agent": "Ada Berg",
    "product": "GTX Pro",
    "account": None,
    "engage_date": "2017-11-20",
    "probability": 0.6,
}


@pytest.fixture
def cluster(state: Path, double: Double, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Everything is there but a champion; a training ends well and is promoted."""
    state.mkdir()
    Credentials.load_or_create()
    monkeypatch.setattr(jobs, "address", lambda _cluster, _name: double.address)
    double.answers |= {
        ALIAS: (404, {}),
        "POST /api/variables/filter": (200, []),
        "POST /api/variables/": (201, {}),
        "GET /api/deployments/name/train/closecast": (200, {"id": "d"}),
        RUN: (201, {"id": "r"}),
        "GET /api/flow_runs/r": (200, {"id": "r", "name": "owl", "state_type": "COMPLETED", "state": {}, "tags": []}),
        "POST /api/task_runs/filter": (200, []),
        "POST /api/artifacts/filter": (200, _result(promoted=True)),
        "GET /health/ready": (200, {}),
        "GET /v1/model": (200, {"version": "3", "run_id": "run-3"}),
        "GET /v1/pipeline": (200, {"as_of": "2017-12-31", "deals": [DEAL]}),
        "POST /v1/predictions": (200, {"probability": 0.6}),
    }
    return Cluster(double.address, "token")


def _result(
    promoted: bool, baseline: dict[str, Any] | None = None, champion_has_other_deals: bool = False
) -> list[dict[str, Any]]:
    result = {"version": "3", "promoted": promoted, "in_shadow": False, "reasons": ["a reason"], "baseline": baseline}
    return [{"data": [{**result, "champion_has_other_deals": champion_has_other_deals}]}]


def _asked(double: Double, route: str) -> list[Any]:
    """What was asked for by `route`, decoded."""
    return [json.loads(body) for asked, body in double.asked if asked == route]


def _variables(**values: str) -> Callable[[Any], list[dict[str, str]]]:
    """Prefect's answer to who asks for a variable by its name."""

    def found(asked: Any) -> list[dict[str, str]]:
        return [{"value": values[name]} for name in asked["variables"]["name"]["any_"] if name in values]

    return found


def _signed(monkeypatch: pytest.MonkeyPatch, problem: str | None = None) -> None:
    monkeypatch.setattr(champion, "unsigned", lambda _found, _credentials: problem)


def test_one_is_trained_and_then_kept_until_the_source_or_the_date_is_another(
    cluster: Cluster, double: Double, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # when there is none
    assert champion.ensure_champion(cluster, "synthetic:3000")
    # then
    assert [one["parameters"] for one in _asked(double, RUN)] == [{"source": "synthetic:3000", **OWN}]
    assert json.loads((state / "source.json").read_text())["source"] == "synthetic:3000"
    assert [one["value"] for one in _asked(double, "POST /api/variables/")] == ["synthetic:3000"]
    # when it is there, and the platform's own source is what it was trained on
    _signed(monkeypatch)
    double.answers |= {
        ALIAS: (200, {"model_version": VERSION}),
        "POST /api/variables/filter": (200, _variables(closecast_source="synthetic:3000")),
    }
    assert not champion.ensure_champion(cluster, None)
    assert len(_asked(double, RUN)) == 1
    # when the fiscal year is another, then it stays that until a third is named
    champion.ensure_champion(cluster, None, fiscal_year_start=4)
    champion.ensure_champion(cluster, None)
    assert [one["parameters"] for one in _asked(double, RUN)][1:] == [
        {"source": "synthetic:3000", "fiscal_year_start": 4, **OWN}
    ]


def test_a_mapping_stays_with_its_source(cluster: Cluster, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a champion that was trained on an export with a mapping
    _signed(monkeypatch)
    champion.ensure_champion(cluster, "s3://b/deals.csv", mapping="a mapping")
    assert _asked(double, RUN)[0]["parameters"] == {"source": "s3://b/deals.csv", "mapping": "a mapping", **OWN}
    kept = [(one["name"], one["value"]) for one in _asked(double, "POST /api/variables/")]
    assert kept == [("closecast_source", "s3://b/deals.csv"), ("closecast_mapping", "a mapping")]
    double.answers |= {
        ALIAS: (200, {"model_version": VERSION}),
        "POST /api/variables/filter": (
            200,
            _variables(closecast_source="s3://b/deals.csv", closecast_mapping="a mapping"),
        ),
        "PATCH /api/variables/name/closecast_mapping": (204, {}),
        "PATCH /api/variables/name/closecast_source": (204, {}),
    }
    # when neither is named, or the same source is, then nothing is new
    champion.ensure_champion(cluster, None)
    champion.ensure_champion(cluster, "s3://b/deals.csv")
    assert len(_asked(double, RUN)) == 1
    # when the mapping is another
    champion.ensure_champion(cluster, None, mapping="another")
    assert _asked(double, RUN)[1]["parameters"] == {"source": "s3://b/deals.csv", "mapping": "another", **OWN}
    # when the source is another, then the mapping is not taken for it
    champion.ensure_champion(cluster, "s3://b/others.csv")
    assert _asked(double, RUN)[2]["parameters"] == {"source": "s3://b/others.csv", **OWN}
    assert _asked(double, "PATCH /api/variables/name/closecast_mapping")[-1] == {"value": ""}


def test_one_that_no_service_would_load_is_replaced(
    cluster: Cluster, double: Double, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a champion that nobody signed
    double.answers[ALIAS] = (200, {"model_version": VERSION})
    assert signing.unsigned(VERSION, Credentials.load()) is not None
    # when
    champion.ensure_champion(cluster, "synthetic")
    # then
    assert len(_asked(double, RUN)) == 1
    assert "version 3 is champion and no service loads it" in capsys.readouterr().out


def test_a_source_that_is_gone_leaves_the_champion_to_serve(
    cluster: Cluster,
    double: Double,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # given
    export = tmp_path / "deals.csv"
    export.write_text("…")
    champion.ensure_champion(cluster, f"file:{export}")
    _signed(monkeypatch)
    double.answers[ALIAS] = (200, {"model_version": VERSION})
    # when
    export.unlink()
    champion.ensure_champion(cluster, f"file:{export}")
    # then
    assert len(_asked(double, RUN)) == 1
    assert "is gone: version 3 serves" in capsys.readouterr().out


def test_a_first_model_that_is_refused_leaves_a_baseline_to_serve(
    cluster: Cluster, double: Double, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = {"version": "4", "promoted": True, "reasons": ["honest"]}
    double.answers["POST /api/artifacts/filter"] = (200, _result(promoted=False, baseline=baseline))
    champion.ensure_champion(cluster, "synthetic")
    assert "baseline version 4 serves until a model beats it: honest" in capsys.readouterr().out


def test_a_baseline_that_is_refused_too_is_an_error_with_all_reasons(cluster: Cluster, double: Double) -> None:
    baseline = {"version": "4", "promoted": False, "reasons": ["another reason"]}
    double.answers["POST /api/artifacts/filter"] = (200, _result(promoted=False, baseline=baseline))
    with pytest.raises(OperatorError, match="was refused, and so was the baseline: a reason; another reason"):
        champion.ensure_champion(cluster, "synthetic")


def test_a_registry_that_fails_is_not_one_without_a_champion(cluster: Cluster, double: Double) -> None:
    double.answers[ALIAS] = (500, {"message": "no database"})
    with pytest.raises(OperatorError, match=r"the model registry answered 500: .*no database"):
        champion.ensure_champion(cluster, "synthetic")
    assert not _asked(double, RUN)


def test_the_first_prediction_is_of_the_likeliest_open_deal(cluster: Cluster, double: Double) -> None:
    # when
    found = champion.first_prediction(cluster, Credentials.load())
    # then
    assert found == {"deal": DEAL, "answer": {"probability": 0.6}}
    (asked,) = _asked(double, "POST /v1/predictions")
    assert asked["as_of"] == "2017-12-31"
    assert asked["deal"] == {
        "opportunity_id": "A1",
        "sales_agent": "Ada Berg",
        "product": "GTX Pro",
        "engage_date": "2017-11-20",
        "deal_stage": "Engaging",
    }
    # and without an open deal there is none
    double.answers["GET /v1/pipeline"] = (200, {"as_of": "2017-12-31", "deals": []})
    with pytest.raises(OperatorError, match="no open deal to predict"):
        champion.first_prediction(cluster, Credentials.load())


def test_an_api_without_a_model_is_not_waited_for_for_ever(cluster: Cluster, double: Double) -> None:
    double.answers["GET /health/ready"] = (503, {"detail": "no champion"})
    with pytest.raises(OperatorError, match="the API serves no model"):
        champion.first_prediction(cluster, Credentials.load(), seconds=0.1)


def test_a_champion_of_other_deals_that_serves_on_is_told(
    cluster: Cluster, double: Double, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _signed(monkeypatch)
    double.answers[ALIAS] = (200, {"model_version": VERSION})
    double.answers["POST /api/artifacts/filter"] = (200, _result(promoted=False, champion_has_other_deals=True))
    champion.ensure_champion(cluster, "s3://b/deals.csv")
    assert "was trained on other deals: what it says of s3://b/deals.csv is worth nothing" in capsys.readouterr().out
