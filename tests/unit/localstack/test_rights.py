"""What each job's key opens, by the table alone; real requests are in tests/security/object_store."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ops.nomad import jobs
from ops.setup.credentials import ALERTS_TOPIC, Credentials
from tests.servers.processes import PROJECT

JOBS = ("alerts", "api", "journal", "mlflow", "prefect-worker", "score", "trial")


@pytest.fixture(scope="module")
def rights() -> Iterator[ModuleType]:
    """The module, which is in no package because LocalStack's own environment runs it."""
    folder = str(PROJECT / "localstack")
    sys.path.insert(0, folder)
    yield importlib.import_module("rights")
    sys.path.remove(folder)
    for name in ("rights", "refusal"):
        del sys.modules[name]


def _refusal(rights: ModuleType, job: str, operation: str, service: str = "s3", **parameters: Any) -> str | None:
    (known,) = [one for one in rights.of_jobs("lake", "artifacts") if one.job == job]
    try:
        rights.check(known, service, operation, parameters)
    except rights.RefusedError as refused:
        assert refused.code == "AccessDenied"
        return str(refused)
    return None


def test_every_job_with_a_key_has_rights_and_there_are_no_others(
    rights: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOSECAST_STATE", str(tmp_path / "state"))
    variables = Credentials.load_or_create().variables()
    secrets, by_key = rights.of_keys(variables["localstack"]["object_store_job_keys"], rights.of_jobs("l", "a"))
    assert {one.job for one in rights.of_jobs("l", "a")} == {one.job for one in by_key.values()} == set(JOBS)
    assert set(JOBS) < {*jobs.NAMES, *jobs.BATCH}
    for access, one in by_key.items():
        assert variables[one.job]["object_store_access_key"] == access
        assert variables[one.job]["object_store_secret_key"] == secrets[access]


def test_only_who_serves_flows_may_do_all_to_the_lake_and_only_mlflow_touches_artifacts(rights: ModuleType) -> None:
    for job in JOBS:
        writes = _refusal(rights, job, "PutObject", Bucket="lake", Key="silver/a") is None
        assert writes is (job == "prefect-worker")
        for operation in ("GetObject", "PutObject", "DeleteObject"):
            opens = _refusal(rights, job, operation, Bucket="artifacts", Key="mlflow/1/a") is None
            assert opens is (job == "mlflow")
        assert _refusal(rights, job, "GetObject", Bucket="another", Key="mlflow/1/a") is not None
    for operation in rights.WRITING:
        assert _refusal(
            rights, "api", operation, Bucket="lake", Key="newest/a", Delete={"Objects": []}
        ) is not None or (operation == "DeleteObjects")


@pytest.mark.parametrize(
    "operation",
    [
        "CopyObject",
        "UploadPartCopy",
        "ListBuckets",
        "CreateBucket",
        "PutBucketPolicy",
        "GetObjectAcl",
        "PostObject",
        "ListObjectVersions",
        "PutObjectTagging",
        "SelectObjectContent",
        "GetBucketLocation",
        "unknown",
    ],
)
@pytest.mark.parametrize("job", JOBS)
def test_what_is_not_listed_is_refused(rights: ModuleType, job: str, operation: str) -> None:
    for bucket, name in (("lake", "predictions/date=1/a"), ("artifacts", "mlflow/a"), ("lake", "newest/a")):
        assert f"s3:{operation} is not for it" in str(_refusal(rights, job, operation, Bucket=bucket, Key=name))


def test_only_alerts_publishes_and_only_to_the_topic_of_alerts(rights: ModuleType) -> None:
    assert ALERTS_TOPIC.endswith(f":{rights.TOPIC}")
    for job in JOBS:
        opens = _refusal(rights, job, "Publish", "sns", TopicArn=ALERTS_TOPIC, Message="text", Subject=None) is None
        assert opens is (job == "alerts")
    for parameters in (
        {"TopicArn": f"{ALERTS_TOPIC}x"},
        {"TopicArn": "closecast-local-alerts-of-others"},
        {"TargetArn": ALERTS_TOPIC},
        {"PhoneNumber": "+15550100"},
        {"TopicArn": ALERTS_TOPIC, "PhoneNumber": "+15550100"},
        {},
    ):
        assert _refusal(rights, "alerts", "Publish", "sns", Message="text", **parameters) is not None
    for operation in ("PublishBatch", "Subscribe", "CreateTopic", "DeleteTopic", "SetTopicAttributes"):
        assert _refusal(rights, "alerts", operation, "sns", TopicArn=ALERTS_TOPIC) is not None


@pytest.mark.parametrize("service", ["secretsmanager", "iam", "sts", "kms", "ssm", "s3control", "unknown", "S3"])
def test_no_other_service_is_opened_even_by_a_name_that_is_listed(rights: ModuleType, service: str) -> None:
    assert _refusal(rights, "prefect-worker", "GetObject", service, Bucket="lake", Key="a") is not None


@pytest.mark.parametrize(
    ("bucket", "name"),
    [
        ("lake", "newest"),
        ("lake", "newestx/a"),
        ("lake", "/newest/a"),
        ("lake", ""),
        ("lake", "Newest/a"),
        ("LAKE", "newest/a"),
        ("lake ", "newest/a"),
        ("lak", "e/newest/a"),
        ("", "lake/newest/a"),
        ("lake", "newest/../silver/a"),
        ("lake", "newest/./a"),
        ("lake", "newest/.."),
        ("lake", None),
        (None, None),
        ("lake", "newest%2Fa"),
        ("artifacts", "newest/a"),
    ],
)
def test_a_place_is_compared_letter_by_letter(rights: ModuleType, bucket: str | None, name: str | None) -> None:
    assert _refusal(rights, "api", "GetObject", Bucket="lake", Key="newest/a") is None
    assert "the key of the job api" in str(_refusal(rights, "api", "GetObject", Bucket=bucket, Key=name))


def test_listing_needs_a_prefix_inside_of_what_may_be_read(rights: ModuleType) -> None:
    for operation in ("ListObjects", "ListObjectsV2"):
        assert _refusal(rights, "api", operation, Bucket="lake", Prefix="newest/") is None
        for prefix in (None, "", "n", "newest", "bronze/"):
            assert _refusal(rights, "api", operation, Bucket="lake", Prefix=prefix, Key="newest/a") is not None
        assert _refusal(rights, "score", operation, Bucket="lake") is None
    assert _refusal(rights, "api", "HeadBucket", Bucket="lake") is None
    assert _refusal(rights, "api", "HeadBucket", Bucket="artifacts") is not None
    assert _refusal(rights, "api", "HeadBucket") is not None


def test_a_batch_is_let_in_only_when_each_of_its_keys_is(rights: ModuleType) -> None:
    def batch(*objects: dict[str, str]) -> str | None:
        return _refusal(
            rights, "score", "DeleteObjects", Bucket="lake", Key="leases/x", Delete={"Objects": list(objects)}
        )

    assert batch({"Key": "leases/a"}, {"Key": "predictions/a"}) is None
    assert "may not write 'lake/silver/a'" in str(batch({"Key": "leases/a"}, {"Key": "silver/a"}))
    assert batch({"Key": "leases/a", "VersionId": "1"}) is not None
    assert batch({}) is not None


@pytest.mark.parametrize(
    "name",
    [
        "VersionId",
        "ACL",
        "GrantRead",
        "GrantFullControl",
        "BypassGovernanceRetention",
        "ObjectLockMode",
        "Tagging",
        "WebsiteRedirectLocation",
        "SSEKMSKeyId",
        "ServerSideEncryption",
    ],
)
def test_what_needs_a_right_of_its_own_is_left_to_the_full_key(rights: ModuleType, name: str) -> None:
    for operation in ("PutObject", "DeleteObject", "GetObject"):
        place: dict[str, Any] = {"Bucket": "lake", "Key": "a"}
        assert name in str(_refusal(rights, "prefect-worker", operation, **{**place, name: "x"}))
        assert _refusal(rights, "prefect-worker", operation, **{**place, name: None}) is None


def test_a_name_with_any_characters_is_told_on_one_line(rights: ModuleType) -> None:
    told = str(_refusal(rights, "api", "PutObject", Bucket="lake", Key="a\n\x00\udc80\u202e" + "b" * 2000))
    assert told.isprintable()
    assert len(told) < 600
    told.encode()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ui:LK1:s3cret", "key 1 is of a job that has no rights; expected one of alerts, api"),
        ("api:LK1:s3cret,:LK2:s3cret", "key 2 is of a job that has no rights"),
        ("api:LK1", "the key of api is malformed; expected job:access:secret"),
        ("api:LK1:", "the key of api is malformed"),
        ("api::s3cret", "the key of api is malformed"),
        ("api:LK1:s3cret:x", "the key of api is malformed"),
        ("api:LK1:s3cret,score:LK1:s3cret", "the key of score is malformed"),
    ],
)
def test_unusable_keys_are_told_without_the_secret(rights: ModuleType, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        rights.of_keys(text, rights.of_jobs("lake", "artifacts"))
    assert "s3cret" not in str(caught.value)
    assert rights.of_keys("", rights.of_jobs("lake", "artifacts")) == ({}, {})
