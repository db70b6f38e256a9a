"""A newcomer uses the running platform: through the API and the command line."""

import json
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ops import paths
from ops.nomad import jobs
from tests.e2e import browsing
from tests.e2e.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_every_job_is_healthy(platform: Platform) -> None:
    printed = platform.just("status")
    assert printed.count("healthy") == len(jobs.runnable()) + 1  # Nomad itself too


def test_curl_gets_a_prediction_of_the_champion(platform: Platform) -> None:
    # given
    key = platform.just("api-key").strip()
    body = json.dumps({"deal": {"engage_date": "2017-11-20", "product": "GTX Pro"}, "as_of": "2017-12-01"})
    command = [
        "curl",
        "-sS",
        "--fail",
        f"{platform.address('api')}/v1/predictions",
        "-H",
        f"X-API-Key: {key}",
        "-H",
        "Content-Type: application/json",
        "-d",
        body,
    ]
    # when
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    # then
    assert 0 < answer["probability"] < 1
    assert answer["by"] == "2017-12-31"
    assert answer["probability"] == answer["probabilities"]["quarter_end"]
    assert answer["model"]["version"] == platform.api("GET", "/v1/model").json()["version"]


def test_a_prediction_is_computed_again_without_touching_the_apis_copies(platform: Platform) -> None:
    # given a prediction, in the journal
    body = {"deal": {"engage_date": "2017-11-21", "product": "GTX Pro"}, "as_of": "2017-12-01"}
    made = platform.api("POST", "/v1/predictions", json=body).json()["id"]
    platform.eventually(lambda: platform.api("GET", f"/v1/predictions/{made}").status_code == 200, "the record")
    # then
    assert "bit-identical" in platform.just("replay", made)
    copies = paths.state() / "models"
    assert {path.owner() for path in copies.rglob("*")} == {copies.owner()}


def test_without_a_key_nothing_is_answered(platform: Platform) -> None:
    import httpx

    assert httpx.get(f"{platform.address('api')}/v1/model").status_code == 401


def test_predict_scores_a_csv(platform: Platform, tmp_path: Path) -> None:
    # given two open deals and one that is won
    file = tmp_path / "deals.csv"
    file.write_text(
        "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"
        "A1,Ada Berg,GTXPro,,Engaging,2017-12-20,,\nA2,Ada Berg,MG Special,,Engaging,12/1/2017,,\n"
        "A3,Ada Berg,MG Special,,Won,2017-01-01,2017-03-01,55\n"
    )
    # when
    printed = platform.just("predict", str(file))
    # then
    assert "2 deals scored, 1 not" in printed
    assert "GTX Pro" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan",),
        ("demo",),
        ("logs", "api"),
        ("logs", "nomad"),
        ("prefect-status",),
        ("prefect-status-all",),
        ("prefect-logs",),
        ("doctor",),
    ],
)
def test_the_commands_that_only_look_succeed(platform: Platform, arguments: tuple[str, ...]) -> None:
    assert platform.just(*arguments).strip()


def test_prefect_is_driven_from_the_command_line(platform: Platform) -> None:
    # given the deployment, registered anew
    assert "deployment train/closecast" in platform.just("prefect-deploy")
    # when it is paused and resumed
    assert "paused" in platform.just("prefect-pause", "train/closecast")
    assert "active" in platform.just("prefect-resume", "train/closecast")
    # then it still runs, with its parameters
    assert "completed" in platform.just("prefect-run", "train/closecast", "source=synthetic:3000")
    assert platform.just("prefect-clean", "days=30").startswith("deleted ")
    # and server and worker stop and come back with their runs
    platform.just("prefect-stop")
    assert "stopped" in platform.just("status", fails=True)
    platform.just("prefect-start")
    assert "completed" in platform.just("prefect-status")


def test_a_restarted_job_comes_back(platform: Platform) -> None:
    platform.just("restart", "ui")
    platform.wait_until_healthy("ui")


def test_plan_finds_nothing_to_change(platform: Platform) -> None:
    printed = platform.just("plan")
    assert "create" not in printed
    assert "destroy" not in printed


def test_mlflows_pages_open_with_the_password(platform: Platform) -> None:
    # given
    place, login = urlsplit(platform.address("mlflow")), platform.session.credentials.mlflow_login
    with browsing.browser() as browser:
        soon = browsing.soon(browser)
        # when the browser has no password to show
        browser.get(f"{place.geturl()}/#/models/closecast")
        assert "champion" not in browser.page_source
        # and when it was typed in
        browser.get(f"http://{login.user}:{login.password}@{place.netloc}/version")
        browser.get(f"{place.geturl()}/#/models/closecast")
        # then
        soon.until(lambda _: "@ champion" in browsing.text(browser))
        browser.save_screenshot(str(browsing.SCREENSHOTS / "mlflow.png"))
