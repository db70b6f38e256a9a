"""Bad days: whatever is killed comes back by itself, and what users get wrong is told in one clear message."""

from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ops import paths
from ops.nomad import jobs
from ops.setup import runtime
from services.bucket_mirror import terraform
from tests.e2e.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
DEAL = {"deal": {"engage_date": "2017-11-20"}, "as_of": "2017-12-01"}
TASKS = [*((name, name) for name in jobs.runnable()), ("localstack", "companion")]
HEADER = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"


def test_new_code_of_the_services_leaves_localstack_able_to_come_back(platform: Platform) -> None:
    # given services whose copy of the code is of another commit; where they have none, they run the clone
    with suppress(FileNotFoundError):
        (runtime.code() / "DIGEST").write_text("of another commit")
    # when
    platform.just("prefect-deploy")
    # then what the companion needs for its buckets is there: the next test kills LocalStack
    assert terraform.is_initialised(paths.state() / "terraform", runtime.code() / "terraform")


@pytest.mark.parametrize(("job", "task"), TASKS)
def test_a_killed_service_heals_by_itself(platform: Platform, job: str, task: str) -> None:
    # given
    before = platform.api("POST", "/v1/predictions", json=DEAL).json()
    restarts = jobs.health(platform.session.cluster, job).restarts
    # when
    processes = platform.processes(job, task)
    assert processes
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # PostgreSQL's workers end with the first of them
            process.kill()
    platform.eventually(lambda: jobs.health(platform.session.cluster, job).restarts > restarts, f"a restart of {job}")
    # then it is healthy again, and the platform answers what it answered before
    platform.wait_until_healthy(job, "api")
    platform.eventually(lambda: platform.api("GET", "/v1/pipeline").status_code == 200, "a ranking")
    after = platform.api("POST", "/v1/predictions", json=DEAL).json()
    assert (after["probability"], after["model"]) == (before["probability"], before["model"])


def test_a_killed_agent_is_followed_by_up_with_all_data_intact(platform: Platform) -> None:
    # given
    model, runs = platform.api("GET", "/v1/model").json(), _runs(platform)
    agent = platform.session.agent.process()
    assert agent is not None
    # when
    agent.kill()
    agent.wait(10)
    printed = platform.just("up")
    # then
    assert "has a chance of" in printed
    assert {**platform.api("GET", "/v1/model").json(), "registry_problem": None} == {**model, "registry_problem": None}
    assert _runs(platform) == runs


def _runs(platform: Platform) -> list[str]:
    body = {"experiment_ids": ["1"], "max_results": 1000}
    with platform.mlflow() as client:
        answer = client.post("/api/2.0/mlflow/runs/search", json=body).raise_for_status().json()
    return sorted(run["info"]["run_id"] for run in answer["runs"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (HEADER, "has a header but no rows"),
        ("a,b\n1,2\n", "needs a mapping, because it does not say"),
        (HEADER + "A1,Ada,GTXPro,,Won,yesterday,tomorrow,5\n", "has no acceptable row"),
        (HEADER + "A1,Ada,GTXPro,,Engaging,2017-11-20,,\n", "quality score"),
    ],
)
def test_a_bad_export_gives_one_clear_message_and_harms_nothing(
    platform: Platform, tmp_path: Path, content: str, message: str
) -> None:
    # given
    version = platform.api("GET", "/v1/model").json()["version"]
    tmp_path.chmod(0o755)
    file = tmp_path / "export.csv"
    file.write_text(content)
    # when
    printed = platform.just("train", f"source=file:{file}", fails=True)
    # then
    assert message in printed
    assert "remedy: " in printed
    assert platform.api("GET", "/v1/model").json()["version"] == version


def test_a_file_that_is_not_there_is_named(platform: Platform) -> None:
    assert "there is no file /absent/deals.csv" in platform.just("up", "source=file:/absent/deals.csv", fails=True)
