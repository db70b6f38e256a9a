"""Each job's own key opens what the job needs, and nothing else, whatever way a request is written."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast
from urllib.parse import quote

import boto3
import pandas as pd
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from closecast.platform.lake import lease
from closecast.platform.lake.store import Lake, LakeAwayError
from closecast.platform.settings import LakeSettings
from tests.security.object_store.conftest import ARTIFACTS, BODY, BUCKET, JOBS, LAKE, Server, key

pytestmark = pytest.mark.integration

# An object at each place that some job reads or writes.
PLACES = {
    (LAKE, "newest/a.json"),
    (LAKE, "forgotten/values.json"),
    (LAKE, "silver/a.parquet"),
    (LAKE, "bronze/a.parquet"),
    (LAKE, "leases/a"),
    (LAKE, "predictions/date=2026-11-27/a.parquet"),
    (LAKE, "predictions/2026-11-27-a/a.parquet"),
    (ARTIFACTS, "mlflow/1/a/artifacts/model.txt"),
    (ARTIFACTS, "other/a"),
    (BUCKET, "newest/a.json"),
}
IN_LAKE = {place for place in PLACES if place[0] == LAKE}
JOURNAL = {(LAKE, "predictions/date=2026-11-27/a.parquet")}
RESULTS = {place for place in IN_LAKE if place[1].startswith("predictions/")}
LEASE = {(LAKE, "leases/a")}
SILVER = {(LAKE, "silver/a.parquet")}
MODELS = {(ARTIFACTS, "mlflow/1/a/artifacts/model.txt")}
MAY_READ = {
    "alerts": set(),
    "api": {(LAKE, "newest/a.json"), (LAKE, "forgotten/values.json"), *SILVER},
    "journal": set(),
    "mlflow": MODELS,
    "prefect-worker": IN_LAKE,
    "score": IN_LAKE,
    "trial": {*SILVER, *LEASE},
}
MAY_WRITE = {
    "alerts": set(),
    "api": set(),
    "journal": JOURNAL,
    "mlflow": MODELS,
    "prefect-worker": IN_LAKE,
    "score": {*RESULTS, *LEASE},
    "trial": LEASE,
}


@pytest.fixture
def filled(server: Server) -> Iterator[Server]:
    """The server with an object at each place; whatever is elsewhere afterwards was written by a key that may not."""
    s3 = server.client("s3")
    for bucket, name in PLACES:
        s3.put_object(Bucket=bucket, Key=name, Body=BODY)
    yield server
    for bucket in (LAKE, ARTIFACTS, BUCKET):
        for one in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=one["Key"])


def _of(job: str, server: Server, service: str = "s3", **config: Any) -> Any:
    access, secret = key(job)
    return server.client(service, access, secret, **config)


def _refused(asked: Callable[[], Any]) -> None:
    with pytest.raises(ClientError) as caught:
        asked()
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert answer["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403"), answer  # HEAD has no body


def _content(s3: Any, bucket: str, name: str) -> bytes:
    return bytes(s3.get_object(Bucket=bucket, Key=name)["Body"].read())


def _allowed(asked: Callable[[], Any], may: bool) -> None:
    if may:
        asked()
    else:
        _refused(asked)


@pytest.mark.parametrize("job", JOBS)
def test_a_job_reads_where_it_needs_to_and_nowhere_else(job: str, filled: Server) -> None:
    s3 = _of(job, filled)
    for bucket, name in PLACES:
        may = (bucket, name) in MAY_READ[job]
        _allowed(partial(_content, s3, bucket, name), may)
        _allowed(partial(s3.head_object, Bucket=bucket, Key=name), may)
        folder = name.rpartition("/")[0] + "/"
        # what may be read in a folder of that name may be listed there
        may_list = any(found.startswith(folder) for b, found in MAY_READ[job] if b == bucket) and may
        _allowed(partial(s3.list_objects_v2, Bucket=bucket, Prefix=folder), may_list)
        _allowed(partial(s3.list_objects, Bucket=bucket, Prefix=folder), may_list)


@pytest.mark.parametrize("job", JOBS)
def test_a_job_writes_where_it_needs_to_and_nowhere_else(job: str, filled: Server) -> None:
    s3, full = _of(job, filled), filled.client("s3")
    for bucket, name in PLACES:
        may = (bucket, name) in MAY_WRITE[job]
        _allowed(partial(s3.put_object, Bucket=bucket, Key=name, Body=b"other"), may)
        assert full.get_object(Bucket=bucket, Key=name)["Body"].read() == (b"other" if may else BODY)
        _allowed(partial(_in_parts, s3, bucket, name), may)
        # a key that may not write here may not go on with what another has begun, either
        begun = full.create_multipart_upload(Bucket=bucket, Key=name)["UploadId"]
        for go_on in (
            partial(s3.upload_part, Bucket=bucket, Key=name, UploadId=begun, PartNumber=1, Body=b"x"),
            partial(s3.abort_multipart_upload, Bucket=bucket, Key=name, UploadId=begun),
        ):
            _allowed(go_on, may)
        batch = {"Objects": [{"Key": name}]}
        _allowed(partial(s3.delete_objects, Bucket=bucket, Delete=batch), may)
        _allowed(partial(s3.delete_object, Bucket=bucket, Key=name), may)
        assert bool(full.list_objects_v2(Bucket=bucket, Prefix=name).get("Contents")) is not may


def _in_parts(s3: Any, bucket: str, name: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=name)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key=name, UploadId=upload, PartNumber=1, Body=b"parts")
    s3.complete_multipart_upload(
        Bucket=bucket, Key=name, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )


@pytest.mark.parametrize("job", sorted({*JOBS} - {"prefect-worker"}))  # which may delete all of the lake
def test_one_key_among_many_that_it_may_not_delete_keeps_them_all(job: str, filled: Server) -> None:
    mine = sorted(name for bucket, name in MAY_WRITE[job] if bucket == LAKE)
    names = [*mine, "steps/another.json"]
    _refused(lambda: _of(job, filled).delete_objects(Bucket=LAKE, Delete={"Objects": [{"Key": one} for one in names]}))
    for one in mine:
        filled.client("s3").head_object(Bucket=LAKE, Key=one)


@pytest.mark.parametrize("job", JOBS)
def test_no_job_does_more_than_read_write_and_list(job: str, filled: Server) -> None:
    s3 = _of(job, filled)
    bucket = ARTIFACTS if job == "mlflow" else LAKE
    name = min(MAY_READ[job] | MAY_WRITE[job] or IN_LAKE)[1]
    here = {"Bucket": bucket, "Key": name}
    for asked in (
        s3.list_buckets,
        lambda: s3.create_bucket(Bucket="closecast-security-mine"),
        lambda: s3.delete_bucket(Bucket=bucket),
        lambda: s3.list_objects_v2(Bucket=BUCKET),
        lambda: s3.head_bucket(Bucket=BUCKET),
        lambda: s3.list_object_versions(Bucket=bucket, Prefix=name),
        lambda: s3.list_multipart_uploads(Bucket=bucket),
        lambda: s3.get_bucket_policy(Bucket=bucket),
        lambda: s3.put_bucket_policy(Bucket=bucket, Policy="{}"),
        lambda: s3.delete_bucket_policy(Bucket=bucket),
        lambda: s3.get_bucket_acl(Bucket=bucket),
        lambda: s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write"),
        lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}),
        lambda: s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "a"}}),
        lambda: s3.put_bucket_cors(
            Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
        ),
        lambda: s3.put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration={"Rules": [{"Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}}]},
        ),
        lambda: s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={}),
        lambda: s3.get_object_acl(**here),
        lambda: s3.put_object_acl(**here, ACL="public-read"),
        lambda: s3.put_object(**here, Body=b"x", ACL="public-read"),
        lambda: s3.get_object_tagging(**here),
        lambda: s3.put_object_tagging(**here, Tagging={"TagSet": []}),
        lambda: s3.get_object_attributes(**here, ObjectAttributes=["ETag"]),
        lambda: s3.get_object(**here, VersionId="null"),
        lambda: s3.delete_object(**here, VersionId="null"),
        lambda: s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": name, "VersionId": "null"}]}),
        lambda: s3.put_object(**here, Body=b"x", ServerSideEncryption="aws:kms"),
    ):
        _refused(asked)
    for service, operation, parameters in (
        ("secretsmanager", "list_secrets", {}),
        ("secretsmanager", "get_secret_value", {"SecretId": "closecast/api-key"}),
        ("iam", "create_user", {"UserName": "mine"}),
        ("iam", "create_access_key", {}),
        ("sts", "get_caller_identity", {}),
        ("kms", "create_key", {}),
        ("ssm", "get_parameter", {"Name": "a"}),
    ):
        _refused(partial(getattr(_of(job, filled, service), operation), **parameters))


@pytest.mark.parametrize("job", JOBS)
def test_nothing_is_copied_into_a_place_that_can_be_read(job: str, filled: Server) -> None:
    s3 = _of(job, filled)
    mine, name = min(MAY_WRITE[job] or MAY_READ[job] or IN_LAKE)
    for source in ({"Bucket": BUCKET, "Key": "newest/a.json"}, {"Bucket": mine, "Key": name}, f"/{ARTIFACTS}/other/a"):
        _refused(partial(s3.copy_object, Bucket=mine, Key=name, CopySource=source, MetadataDirective="REPLACE"))
    upload = filled.client("s3").create_multipart_upload(Bucket=mine, Key=name)["UploadId"]
    _refused(
        lambda: s3.upload_part_copy(
            Bucket=mine, Key=name, UploadId=upload, PartNumber=1, CopySource={"Bucket": BUCKET, "Key": "newest/a.json"}
        )
    )


def _raw(job: str, server: Server, method: str, target: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    access, secret = key(job)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    signed = server.signed(method, target, body, access=access, secret=secret, headers=given)
    status, _, text = server.send(
        method, target, {**signed, **({"Host": given["Host"]} if "Host" in given else {})}, body
    )
    return status, text


# Ways to write the address of a place that the API's key may not write, or the journal's not read.
ADDRESSES = [
    f"/{LAKE}/silver/a.parquet",
    f"//{LAKE}/silver/a.parquet",
    f"/{LAKE}//silver/a.parquet",
    f"/{LAKE}/silver%2Fa.parquet",
    f"/{LAKE}%2Fsilver%2Fa.parquet",
    f"/{LAKE}/%73ilver/a.parquet",
    f"/{quote(LAKE[:9])}%2D{LAKE[10:]}/silver/a.parquet",
    f"/{LAKE}/predictions/date=/../../silver/a.parquet",
    f"/{LAKE}/predictions/date=/%2e%2e/%2e%2e/silver/a.parquet",
    f"/{LAKE}/predictions/date=%2F..%2F..%2Fsilver/a.parquet",
    f"/{LAKE}/./silver/a.parquet",
    f"/./{LAKE}/silver/a.parquet",
    f"/{LAKE.upper()}/silver/a.parquet",
    f"/{LAKE.title()}/silver/a.parquet",
    f"/{LAKE}/silver/a.parquet?x-id=GetObject",
    f"/{LAKE}/silver/a.parquet?uploads",
    f"/{LAKE}/silver/a.parquet?acl",
    f"/{LAKE}/silver/a.parquet?versionId=null",
    f"/{LAKE}?delete",
    f"/{LAKE}?policy",
    f"/{LAKE}?acl",
    f"/{LAKE}?versioning",
    f"/{LAKE}?location",
    f"/{LAKE}/?policy",
    f"/{LAKE}",
    f"/{LAKE}/",
    f"/{LAKE}?prefix=silver/",
    f"/{LAKE}?list-type=2&prefix=",
    f"/{LAKE}?list-type=2&prefix=predictions",
    f"/{LAKE}?list-type=2&prefix=predictions/date=&prefix=silver/",
    f"/{LAKE}?list-type=2&prefix=silver/&prefix=predictions/date=",
    "/",
    f"/{LAKE}/silver/a.parquet?torrent",
    f"/{LAKE}/silver/a.parquet?select&select-type=2",
    "/arn:aws:s3:::closecast-security-lake/silver/a.parquet",
    f"/{LAKE};x/silver/a.parquet",
    f"/{LAKE}?Action=GetCallerIdentity",
    "/?Action=ListUsers&Version=2010-05-08",
    "/v20180820/jobs",
    "/2015-03-31/functions",
    f"/_aws/../{LAKE}/silver/a.parquet",
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"])
def test_no_spelling_of_an_address_gets_round_it(method: str, filled: Server) -> None:
    body = b"<Delete><Object><Key>silver/a.parquet</Key></Object></Delete>" if method == "POST" else b""
    for address in ADDRESSES:
        status, text = _raw("journal", filled, method, address, body)
        assert status == 403, (address, status, text)
        assert BODY.decode() not in text, address
        assert "silver/a" not in text or "AccessDenied" in text, (address, text)
    full = filled.client("s3")
    for bucket, name in PLACES:
        assert full.get_object(Bucket=bucket, Key=name)["Body"].read() == BODY
    assert sum(full.list_objects_v2(Bucket=bucket)["KeyCount"] for bucket in (LAKE, ARTIFACTS, BUCKET)) == len(PLACES)
    assert sorted(one["Name"] for one in full.list_buckets()["Buckets"]) == sorted([LAKE, ARTIFACTS, BUCKET])


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Amz_Target": "secretsmanager.ListSecrets", "Content_Type": "application/x-amz-json-1.1"},
        {"X_Amz_Copy_Source": f"/{BUCKET}/newest/a.json"},
        {"x_localstack_data": '{"service_principal": "s3"}'},
        {"x_moto_account_id": "000000000000"},
        {"Host": f"{LAKE}.s3.localhost.localstack.cloud"},
        {"Host": f"{LAKE}.s3-website.localhost.localstack.cloud"},
        {"Host": f"{LAKE}.s3.us-east-1.amazonaws.com"},
        {"Host": "secretsmanager.us-east-1.localhost.localstack.cloud"},
        {"x_http_method_override": "GET"},
        {"x_s3_vhost_forwarded_for": f"{LAKE}.s3.localhost.localstack.cloud"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_no_header_gets_round_it(method: str, headers: dict[str, str], filled: Server) -> None:
    # the journal may neither read nor write silver/ of any bucket, wherever the header leads
    for target in ("/silver/a.parquet", f"/{LAKE}/silver/a.parquet", "/"):
        status, text = _raw("journal", filled, method, target, b"", **headers)
        assert 400 <= status < 500, (target, status, text)
        assert BODY.decode() not in text
        assert "opens nothing" not in text
    assert filled.client("s3").get_object(Bucket=LAKE, Key="silver/a.parquet")["Body"].read() == BODY


def test_the_bucket_in_the_host_is_judged_as_that_in_the_path(filled: Server) -> None:
    host = f"{LAKE}.s3.localhost.localstack.cloud:{filled.port}"
    assert _raw("api", filled, "GET", "/silver/a.parquet", Host=host) == (200, BODY.decode())
    for job, method, target in (
        ("journal", "GET", "/silver/a.parquet"),
        ("api", "PUT", "/silver/a.parquet"),
        ("api", "GET", "/bronze/a.parquet"),
        ("api", "GET", "/"),
        ("api", "GET", "/?policy"),
    ):
        status, text = _raw(job, filled, method, target, Host=host)
        assert (status, "AccessDenied" in text) == (403, True), (job, method, target, text)


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_a_presigned_address_opens_what_its_key_does(style: str, filled: Server) -> None:
    access, secret = key("api")
    endpoint = filled.url if style == "path" else f"http://s3.localhost.localstack.cloud:{filled.port}"
    s3: Any = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": cast(Any, style)}, signature_version="s3v4"),
    )

    def answer(operation: str, bucket: str, name: str) -> tuple[int, str]:
        address = s3.generate_presigned_url(operation, {"Bucket": bucket, "Key": name})
        host, _, target = address.removeprefix("http://").partition("/")
        method = {"get_object": "GET", "put_object": "PUT", "delete_object": "DELETE"}[operation]
        status, _, text = filled.send(method, f"/{target}", {"Host": host}, b"x" if method == "PUT" else b"")
        return status, text

    assert answer("get_object", LAKE, "newest/a.json") == (200, BODY.decode())
    for operation, bucket, name in (
        ("get_object", LAKE, "bronze/a.parquet"),
        ("get_object", ARTIFACTS, "other/a"),
        ("put_object", LAKE, "newest/a.json"),
        ("delete_object", LAKE, "newest/a.json"),
    ):
        status, text = answer(operation, bucket, name)
        assert (status, "AccessDenied" in text) == (403, True), (operation, bucket, name, text)


def test_a_refusal_says_whose_key_it_was_and_what_it_may(filled: Server) -> None:
    status, text = _raw("api", filled, "PUT", f"/{ARTIFACTS}/mlflow/1/a/artifacts/model.txt", b"x")
    assert status == 403
    assert "<Code>AccessDenied</Code>" in text
    assert "the key of the job api does not open this: it may not write &#x27;" in text.replace("'", "&#x27;")
    assert f"it may read {LAKE}/newest/, {LAKE}/silver/, {LAKE}/forgotten/ and write nothing" in text


def test_one_key_does_not_sign_in_the_name_of_another(filled: Server) -> None:
    access, _ = key("prefect-worker")
    _, secret = key("api")
    signed = filled.signed("GET", f"/{LAKE}/bronze/a.parquet", b"", access=access, secret=secret)
    status, _, text = filled.send("GET", f"/{LAKE}/bronze/a.parquet", signed)
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)


# What jobs do, by the code that does it.


def _lake(job: str, server: Server) -> Lake:
    access, secret = key(job)
    return Lake(LakeSettings(LAKE, "us-east-1", server.url, access, secret))


def test_the_lake_as_jobs_use_it(filled: Server) -> None:
    worker, score, trial, journal, api = (
        _lake(job, filled) for job in ("prefect-worker", "score", "trial", "journal", "api")
    )
    frame = pd.DataFrame({"opportunity_id": ["a", "b"]})
    silver = worker.put_parquet("silver", frame)
    worker.put_text("newest/0.json", "{}")
    with journal.writing("predictions/date=2026-11-28/batch-1.parquet") as file:
        file.write(b"predictions")
    with score.fetched(silver) as source, score.writing("predictions/2026-11-28-b/b.parquet") as target:
        target.write(source.read())
    score.put_text("predictions/2026-11-28-b/_b.json", "{}")
    score.delete("predictions/2026-11-28-b/_b.json")
    score.delete("predictions/2026-11-28-c/_was-never-there.json")
    for one in (worker, trial, api):
        assert one.read_parquet(silver).equals(frame)
    assert (api.read_text("newest/0.json"), api.read_text("newest/1.json")) == ("{}", None)
    assert worker.has("predictions/2026-11-28-b/b.parquet")
    for one, name in ((api, "silver/x"), (api, "newest/0.json"), (trial, silver), (journal, silver), (score, silver)):
        with pytest.raises(LakeAwayError, match="cannot write"):
            one.put_text(name, "other")
    assert hashlib.sha256(filled.client("s3").get_object(Bucket=LAKE, Key=silver)["Body"].read()).hexdigest() in silver


@pytest.mark.parametrize("job", ["score", "trial"])
def test_a_lease_that_ran_out_is_found_and_deleted_by_whom_it_bound(job: str, filled: Server) -> None:
    worker, instance = _lake("prefect-worker", filled), _lake(job, filled)
    for left in (False, True):
        if left:
            worker.put_text("leases/b", "0")
        worker.put_text("leases/c", "0")
        watch = lease.Watch(instance, "leases/c", lost_seconds=0.0)
        assert "was not heard of" in str(watch.end())
        assert not worker.has("leases/c")
        filled.client("s3").delete_object(Bucket=LAKE, Key="leases/a")  # then the folder is empty
