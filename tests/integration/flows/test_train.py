"""The flow on real servers: through a worker as it is deployed, and in this process for what it reports."""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import httpx
import pytest

from closecast.platform.lake.store import Lake
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.settings import LakeSettings
from flows import deployments
from tests.servers.processes import PROJECT
from tests.waiting import awaited

pytestmark = pytest.mark.integration


def _post(api: str, route: str, body: dict[str, Any]) -> Any:
    return _asked("POST", f"{api}/{route}", body)


def _get(api: str, route: str) -> Any:
    return _asked("GET", f"{api}/{route}")


def _asked(method: str, address: str, body: dict[str, Any] | None = None) -> Any:
    """Prefect's answer; it is 503 while another process writes to its database."""

    def answered() -> httpx.Response | None:
        answer = httpx.request(method, address, json=body, timeout=60)
        return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

    return awaited(answered, pause=0.5).raise_for_status().json()


def test_a_worker_runs_the_deployment(
    here: dict[str, str], prefect_api: str, empty_registry: ModelRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    # given the deployment, made twice, and a run of it
    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=here,
            cwd=PROJECT,
            check=True,
            capture_output=True,
            text=True,
            timeout=280,
        )
        return done.stdout

    first = python("flows.deployments")
    deployments.main()
    second = capsys.readouterr().out
    assert "work pool closecast (process): " in first  # other tests of this server may have made it
    assert "work pool closecast (process): already there" in second
    assert "deployment train/closecast: " in first
    assert "deployment train/closecast: up to date" in second
    deployment = _get(prefect_api, "deployments/name/train/closecast")
    assert deployment["parameters"] == {}
    known = set(deployment["parameter_openapi_schema"]["properties"])
    assert known == {"source", "seed", "as_of", "fiscal_year_start", "mapping", "is_platforms_source", "shadow_first"}
    run = _post(
        prefect_api,
        f"deployments/{deployment['id']}/create_flow_run",
        {"parameters": {"source": "synthetic:2500"}, "state": {"type": "SCHEDULED"}},
    )
    # when a worker takes one turn
    python("prefect", "worker", "start", "--pool", "closecast", "--type", "process", "--run-once")

    def ended() -> Any:
        state = _get(prefect_api, f"flow_runs/{run['id']}")["state"]
        return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED") else None

    state = awaited(ended, pause=0.2)
    # then the model is champion and the result can be read from Prefect
    assert state["type"] == "COMPLETED", state
    (result,) = json.loads(_get(prefect_api, "artifacts/train-result/latest")["data"])
    assert result["promoted"] is True
    assert empty_registry.champion_version() == result["version"]


def test_the_flow_reports_what_it_made(here: dict[str, str], tmp_path: Path, mlflow_uri: str) -> None:
    from closecast.deals.synthetic.generator import generate
    from flows.train import train

    # given an export with two bad dates
    raw = generate(2_500, seed=3)
    raw.loc[[1, 2], "engage_date"] = "31.12.2016"
    path = tmp_path / "sales.csv"
    raw.to_csv(path, index=False)
    # when
    result = train(f"file:{path}")
    # then
    assert result["rows"]["accepted"] == 2_498
    assert result["rows"]["rejected"] == 2
    served = ModelRegistry(mlflow_uri).load(result["version"], tmp_path)
    assert len(Lake(LakeSettings.from_environment(here)).read_parquet(served.card.deals_key)) == 2_498
    report = _get(here["PREFECT_API_URL"], "artifacts/train-report/latest")["data"]
    assert "2 x engage_date is not a date" in report
    plot = _get(here["PREFECT_API_URL"], "artifacts/plot-reliability/latest")["data"]
    with urllib.request.urlopen(plot, timeout=60) as image:
        assert image.read(4) == b"\x89PNG"


def test_a_fiscal_year_is_learnt_told_and_kept_by_the_next_training(
    here: dict[str, str], tmp_path: Path, empty_registry: ModelRegistry
) -> None:
    from prefect.exceptions import ParameterTypeError

    from flows import steps
    from flows.train import train

    # given nobody has served yet
    assert steps.fiscal_calendar.fn(None).first_month == 1
    # when
    result = train("synthetic:2500", fiscal_year_start=5)
    # then the model holds its month, and what it learnt from lies in these quarters
    registry = ModelRegistry(here["MLFLOW_TRACKING_URI"])
    model = registry.load(result["version"], tmp_path)
    assert result["fiscal_year_start"] == model.card.fiscal_year_start == 5
    assert registry.tags(result["version"])["fiscal_year_start"] == "5"
    gold = Lake(LakeSettings.from_environment(here)).read_parquet(registry.tags(result["version"])["gold_key"])
    months = gold["as_of"].dt.month.to_numpy()
    assert (gold["month_of_quarter"].to_numpy() == (months - 5) % 3 + 1).all()
    # and the next training keeps it, unless it is told another
    empty_registry.promote(result["version"])
    assert steps.fiscal_calendar.fn(None).first_month == 5
    assert steps.fiscal_calendar.fn(2).first_month == 2
    with pytest.raises(ParameterTypeError, match="fiscal_year_start: Input should be less than or equal to 12"):
        train("synthetic:2500", fiscal_year_start=13)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "opportunity_id,product\n1,GTX\n",
            "MappingNeededError: the file .* needs a mapping, because it does not say: .1. which column is the stage",
        ),
        ("", "SourceError: the file .* is empty"),
        (None, "SourceError: there is no file"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_bad_export_fails_the_run_with_one_clear_line(tmp_path: Path, content: str | None, message: str) -> None:
    from flows.train import train

    # given
    path = tmp_path / "sales.csv"
    if content is not None:
        path.write_text(content)
    # when
    state = train(f"file:{path}", return_state=True)
    # then
    assert state.is_failed()
    assert state.message is not None
    assert re.search(message, state.message), state.message
    assert "\n" not in state.message
