"""MLflow's job: it knows the API's instances without waiting for them, and each job that asks MLflow is the user meant for it."""

import pytest

from tests.unit.jobs.test_job_files import NOMAD, parsed

pytestmark = pytest.mark.skipif(
    NOMAD is None, reason="there is no Nomad, and `./just test` tells why it could not get one"
)


def test_the_apis_addresses_hold_nothing_back_and_restart_nothing() -> None:
    (task,) = parsed("mlflow")["TaskGroups"][0]["Tasks"]
    (found,) = [one for one in task["Templates"] if one["DestPath"] == task["Env"]["CLOSECAST_ADDRESSES"]]
    assert found["ChangeMode"] == "noop"
    assert not found["Envvars"]
    assert "waits-for" not in found["EmbeddedTmpl"]
    assert 'CLOSECAST_API_URLS={{ range nomadService "api" }}' in found["EmbeddedTmpl"]


@pytest.mark.parametrize(("job", "user"), [("api", "api"), ("score", "reader"), ("prefect-worker", "closecast")])
def test_a_password_comes_from_the_jobs_own_variable_into_a_closed_file(job: str, user: str) -> None:
    (task,) = parsed(job)["TaskGroups"][0]["Tasks"]
    (found,) = [one for one in task["Templates"] if "MLFLOW_TRACKING_PASSWORD" in one["EmbeddedTmpl"]]
    text = found["EmbeddedTmpl"].split(f'{{{{ with nomadVar "nomad/jobs/{job}" -}}}}')[1].partition("{{- end }}")[0]
    assert f"MLFLOW_TRACKING_USERNAME={user}\n" in text
    assert "MLFLOW_TRACKING_PASSWORD={{ .mlflow_password }}\n" in text
    assert (found["Perms"], found["Envvars"]) == ("0600", True)


@pytest.mark.parametrize("job", ["trial", "journal", "ui", "gateway", "localstack", "postgres", "cache", "prefect"])
def test_no_other_job_is_a_user(job: str) -> None:
    templates = [one for task in parsed(job)["TaskGroups"][0]["Tasks"] for one in task.get("Templates") or []]
    assert not [one for one in templates if "MLFLOW_TRACKING" in one["EmbeddedTmpl"]]
