"""The inner doors of a running platform are shut to an ordinary account of the machine."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from closecast.platform.settings import Login
from tests.e2e.conftest import Platform
from tests.security.ordinary import asked

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_an_ordinary_account_reads_no_secret_and_no_object(platform: Platform) -> None:
    # given what LocalStack takes for a signature when it is left to itself
    url = platform.address("localstack")
    signed = "AWS4-HMAC-SHA256 Credential=test/20261127/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=00"
    secret = (
        "-H",
        f"Authorization: {signed.format('secretsmanager')}",
        "-H",
        "X-Amz-Target: secretsmanager.GetSecretValue",
        "-H",
        "Content-Type: application/x-amz-json-1.1",
        "-d",
        '{"SecretId": "closecast-local/api-key"}',
        url,
    )
    s3 = ("-H", f"Authorization: {signed.format('s3')}", f"{url}/closecast-local-artifacts")
    # when / then
    assert [asked(*secret)[0], asked(*s3)[0], asked(*s3, "-X", "DELETE")[0]] == [403, 403, 403]


_OBJECT_STORE_JOBS = ["alerts", "api", "journal", "mlflow", "prefect-worker", "score", "trial"]


@pytest.mark.parametrize("job", _OBJECT_STORE_JOBS)
def test_a_job_that_was_broken_into_opens_with_its_key_what_it_needs(platform: Platform, job: str) -> None:
    # given what is in its Variable, and what the companion may
    own, full = (platform.session.credentials.variables()[one] for one in (job, "localstack"))
    clients = [
        partial(
            boto3.client,
            endpoint_url=platform.address("localstack"),
            region_name="us-east-1",
            aws_access_key_id=items["object_store_access_key"],
            aws_secret_access_key=items["object_store_secret_key"],
        )
        for items in (own, full)
    ]
    lake, artifacts = "closecast-local-lake", "closecast-local-artifacts"
    s3 = clients[0]("s3")
    model = next(
        one["Key"] for one in clients[1]("s3").list_objects_v2(Bucket=artifacts)["Contents"] if "model" in one["Key"]
    )
    silver = clients[1]("s3").list_objects_v2(Bucket=lake, Prefix="silver/")["Contents"][0]["Key"]

    def status(asked: Callable[[], Any]) -> int:
        try:
            return int(asked()["ResponseMetadata"]["HTTPStatusCode"])
        except ClientError as refused:
            return int(refused.response["ResponseMetadata"]["HTTPStatusCode"])

    # when
    found = {
        "read a model": status(lambda: s3.head_object(Bucket=artifacts, Key=model)),
        "read deals": status(lambda: s3.head_object(Bucket=lake, Key=silver)),
        "write a model": status(lambda: s3.put_object(Bucket=artifacts, Key="mlflow/0/mine", Body=b"mine")),
        "write deals": status(lambda: s3.put_object(Bucket=lake, Key="silver/mine.parquet", Body=b"mine")),
        "delete the bucket": status(lambda: s3.delete_bucket(Bucket=lake)),
        "read a secret": status(
            lambda: clients[0]("secretsmanager").get_secret_value(SecretId="closecast-local/api-key")
        ),
        "make a user": status(lambda: clients[0]("iam").create_user(UserName="mine")),
    }
    for bucket, key in ((artifacts, "mlflow/0/mine"), (lake, "silver/mine.parquet")):
        clients[1]("s3").delete_object(Bucket=bucket, Key=key)
    # then
    assert {what for what, answer in found.items() if answer == 200} == {
        "mlflow": {"read a model", "write a model"},
        "prefect-worker": {"read deals", "write deals"},
        "journal": set(),
        "alerts": set(),
    }.get(job, {"read deals"})
    assert {answer for answer in found.values() if answer != 200} == {403}


def test_each_job_has_its_own_key_in_its_environment_and_no_other(platform: Platform) -> None:
    variables = platform.session.credentials.variables()
    for job, task in (
        ("api", "api"),
        ("journal", "journal"),
        ("alerts", "alerts"),
        ("mlflow", "mlflow"),
        ("prefect-worker", "prefect-worker"),
    ):
        processes = platform.processes(job, task)
        assert processes
        for process in processes:
            shown = "\n".join(process.environ().values())
            assert variables[job]["object_store_secret_key"] in shown
            others = [
                items["object_store_secret_key"]
                for one, items in variables.items()
                if one != job and "object_store_secret_key" in items
            ]
            assert not [one for one in others if one in shown]


ALIAS = "/api/2.0/mlflow/registered-models/alias"
WEBHOOKS = "/api/2.0/mlflow/webhooks"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
EVENTS = [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}]


def _registry(platform: Platform) -> Any:
    """Which version is champion, and the webhooks."""
    with platform.mlflow() as client:
        found = client.get(ALIAS, params={"name": "closecast", "alias": "champion"}).raise_for_status().json()
        return found["model_version"]["version"], client.get(WEBHOOKS).raise_for_status().json()["webhooks"]


def test_an_ordinary_account_moves_no_champion_and_writes_no_artifact(platform: Platform) -> None:
    # given
    before, url = _registry(platform), platform.address("mlflow")
    typed = ("-H", "Content-Type: application/json", "-d")
    moved = json.dumps({"name": "closecast", "alias": "champion", "version": "1"})
    webhook = json.dumps({"name": "mine", "url": f"{platform.address('api')}/health/live", "events": EVENTS})
    # when
    answers = [
        asked(*typed, moved, url + ALIAS),
        asked("-T", "/etc/hostname", f"{url}{ARTIFACTS}/1/mine/artifacts/model/model.txt"),
        asked(*typed, webhook, url + WEBHOOKS),
        asked(*typed, "{}", f"{url}{WEBHOOKS}/{before[1][0]['webhook_id']}/test"),
        asked(*typed, '{"experiment_ids": ["1"]}', f"{url}/api/2.0/mlflow/runs/search"),
        asked("-u", "closecast:closecast", f"{url}/"),
    ]
    # then
    assert [status for status, _ in answers] == [401] * 6
    assert _registry(platform) == before
    assert asked(f"{url}/health") == (200, "OK")


@pytest.mark.parametrize("job", ["api", "score"])
def test_a_job_that_was_broken_into_writes_no_model_with_its_own_login(platform: Platform, job: str) -> None:
    # given what is in its Variable; the API may set an alias, to roll back (docs/security.md)
    before = _registry(platform)
    password = platform.session.credentials.variables()[job]["mlflow_password"]
    with platform.mlflow(Login({"api": "api", "score": "reader"}[job], password)) as client:
        assert client.get(ALIAS, params={"name": "closecast", "alias": "champion"}).status_code == 200
        # when
        elsewhere = {"name": "mine", "url": f"{platform.address('mlflow')}/health", "events": EVENTS, "secret": "x"}
        statuses = [
            client.post(ALIAS, json={"name": "closecast", "alias": "champion", "version": before[0]}).status_code,
            client.request("DELETE", ALIAS, json={"name": "closecast", "alias": "champion"}).status_code,
            client.put(f"{ARTIFACTS}/1/mine/artifacts/model/model.txt", content=b"mine").status_code,
            client.post("/api/2.0/mlflow/model-versions/set-tag", json={}).status_code,
            client.post(f"{WEBHOOKS}/{before[1][0]['webhook_id']}/test", json={}).status_code,
            client.delete(f"{WEBHOOKS}/{before[1][0]['webhook_id']}").status_code,
            client.post(WEBHOOKS, json=elsewhere).status_code,
            client.patch(f"{WEBHOOKS}/{before[1][0]['webhook_id']}", json={"url": elsewhere["url"]}).status_code,
        ]
    # then
    expected = {"api": [200, *[403] * 5, 400, 400], "score": [403] * 8}
    assert statuses == expected[job]
    assert _registry(platform) == before


def test_each_job_is_the_user_that_its_variable_is_meant_for(platform: Platform) -> None:
    users = {"api": "api", "prefect-worker": "closecast"}
    for job, user in users.items():
        (process, *_) = platform.processes(job, job)
        environment = process.environ()
        assert environment["MLFLOW_TRACKING_USERNAME"] == user
        assert (
            environment["MLFLOW_TRACKING_PASSWORD"] == platform.session.credentials.variables()[job]["mlflow_password"]
        )


def test_mlflows_webhook_leads_to_an_instance_of_the_api(platform: Platform) -> None:
    version, webhooks = _registry(platform)
    (webhook,) = webhooks
    assert webhook["url"] == f"{platform.address('api')}/v1/registry-events"
    # when the champion is made champion again, and when anybody else's address is tried
    with platform.mlflow() as client:
        tested = client.post(f"{WEBHOOKS}/{webhook['webhook_id']}/test", json={}).json()["result"]
        for url in (
            f"{platform.address('prefect')}/api/health",
            f"{platform.address('api')}/metrics",
            "http://127.0.0.1:22/",
        ):
            refused = client.post(WEBHOOKS, json={"name": "x", "url": url, "events": EVENTS})
            assert (refused.status_code, "lead to the prediction API alone" in refused.text) == (400, True)
    assert tested["success"] is True
    assert _registry(platform) == (version, webhooks)


def test_an_ordinary_account_reads_no_metrics_silences_no_alert_and_fires_none(platform: Platform) -> None:
    # given
    prometheus, alertmanager, alerts = (platform.address(job) for job in ("prometheus", "alertmanager", "alerts"))
    typed = ("-H", "Content-Type: application/json", "-d")
    fired = '[{"labels": {"alertname": "service_down"}}]'
    # when
    answers = [
        asked(f"{prometheus}/api/v1/query?query=up"),
        asked(f"{prometheus}/metrics"),
        asked("-X", "POST", f"{prometheus}/-/reload"),
        asked("-u", "closecast:closecast", f"{prometheus}/"),
        asked(f"{alertmanager}/api/v2/alerts"),
        asked(*typed, fired, f"{alertmanager}/api/v2/alerts"),
        asked(*typed, "{}", f"{alertmanager}/api/v2/silences"),
        asked(*typed, '{"version": "4", "alerts": []}', f"{alerts}/v1/alertmanager"),
        asked("-H", "Authorization: Bearer x", *typed, "{}", f"{alerts}/v1/alertmanager"),
    ]
    # then
    assert [status for status, _ in answers] == [401] * len(answers)
    state, text = asked(f"{alerts}/health")
    assert (state, sorted(json.loads(text))) == (200, ["failing", "noted", "status"])


@pytest.mark.parametrize("job", ["alerts", "alertmanager", "prometheus"])
def test_what_tells_of_alerts_runs_as_an_account_of_its_own_and_listens_on_this_machine_only(
    platform: Platform, job: str
) -> None:
    processes = platform.processes(job, job)
    assert processes
    for process in processes:
        assert "root" not in process.username()
        assert {one.laddr.ip for one in process.net_connections("tcp") if one.status == "LISTEN"} <= {"127.0.0.1"}
