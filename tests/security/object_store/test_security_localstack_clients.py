"""LocalStack's door lets through what clients with the platform's key do, whole, streamed and in parts."""

import base64
import hashlib
import io
import subprocess
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pyarrow.fs import S3FileSystem

from services.bucket_mirror.mirror import rclone
from tests.security.object_store.conftest import ACCESS, BODY, BUCKET, SECRET, Server

pytestmark = pytest.mark.integration


class _Streamed(S3SigV4Auth):
    """Signs a body in chunks with a checksum behind them, as SDKs do for streams."""

    declared = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    def payload(self, request: AWSRequest) -> str:  # noqa: ARG002 - botocore's own
        return self.declared


@pytest.mark.parametrize("tampered", [False, True])
def test_a_stream_with_a_checksum_behind_it_is_stored(tampered: bool, server: Server) -> None:
    # given
    data = b"streamed " * 1000
    sums = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    body = b"%x\r\n%b\r\n0\r\nx-amz-checksum-crc32:%b\r\n\r\n" % (len(data), data, sums.encode())
    target = f"/{BUCKET}/streamed"
    request = AWSRequest(
        "PUT",
        f"{server.url}{target}",
        headers={
            "Content-Encoding": "aws-chunked",
            "X-Amz-Trailer": "x-amz-checksum-crc32",
            "X-Amz-Decoded-Content-Length": str(len(data)),
        },
    )
    _Streamed(Credentials(ACCESS, SECRET), "s3", "us-east-1").add_auth(request)
    headers = {name: str(value) for name, value in request.headers.items()}
    if tampered:
        headers["X-Amz-Decoded-Content-Length"] = "1"
    # when
    status, _, text = server.send("PUT", target, headers, body)
    # then
    if tampered:
        assert (status, "SignatureDoesNotMatch" in text) == (403, True)
        return
    s3 = server.client("s3")
    assert (status, s3.get_object(Bucket=BUCKET, Key="streamed")["Body"].read()) == (200, data)
    s3.delete_object(Bucket=BUCKET, Key="streamed")


@pytest.mark.parametrize("size", [0, 1, 100_000, 12_000_000])
def test_boto3_writes_and_reads_whole_streamed_and_in_parts(size: int, server: Server) -> None:
    # given
    s3, data = server.client("s3"), hashlib.shake_128(b"seed").digest(size)
    # when
    s3.put_object(Bucket=BUCKET, Key="whole", Body=data)
    s3.put_object(Bucket=BUCKET, Key="sums", Body=io.BytesIO(data), ChecksumAlgorithm="SHA256")
    s3.upload_fileobj(io.BytesIO(data), BUCKET, "parts")
    s3.copy_object(
        Bucket=BUCKET,
        Key="copy",
        CopySource={"Bucket": BUCKET, "Key": "whole"},
        Metadata={"a": " b  c "},
        MetadataDirective="REPLACE",
    )
    # then
    for key in ("whole", "sums", "parts", "copy"):
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == data
    deleted = s3.delete_objects(
        Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in ("whole", "sums", "parts", "copy")]}
    )
    assert len(deleted["Deleted"]) == 4


@pytest.mark.parametrize(
    "key", ["a=b&c/d e+f.txt", "ü/ключ.txt", "per%20cent", "~tilde-_.txt", "deep//er/./x", "(a)*'!@,;:$"]
)
def test_every_key_is_signed_the_way_it_is_read(key: str, server: Server) -> None:
    s3 = server.client("s3")
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["Contents"]] == [key]
    s3.delete_object(Bucket=BUCKET, Key=key)


def test_arrow_and_rclone_read_and_write(server: Server, tmp_path: Path) -> None:
    # given
    files = S3FileSystem(access_key=ACCESS, secret_key=SECRET, region="us-east-1", endpoint_override=server.url)
    table = pa.table({"x": range(100_000)})
    place = urlsplit(server.url)
    remote = (
        f":s3,provider=Other,access_key_id='{ACCESS}',secret_access_key=\"{SECRET}\",region=us-east-1,"
        f"force_path_style=true,endpoint='http://{place.netloc}':{BUCKET}"
    )
    # when
    pq.write_table(table, f"{BUCKET}/arrow/day=2026-11-27/x y.parquet", filesystem=files)
    with files.open_output_stream(f"{BUCKET}/arrow/large") as stream:
        for _ in range(12):
            stream.write(bytes(1_000_000))
    subprocess.run([rclone(), "--config", "", "copy", f"{remote}/arrow", str(tmp_path)], check=True, timeout=120)
    subprocess.run([rclone(), "--config", "", "copy", str(tmp_path), f"{remote}/again"], check=True, timeout=120)
    # then
    assert pq.read_table(f"{BUCKET}/again/day=2026-11-27/x y.parquet", filesystem=files).num_rows == 100_000
    assert files.get_file_info(f"{BUCKET}/again/large").size == 12_000_000
    files.delete_dir_contents(BUCKET)


def test_services_that_ask_each_other_still_do(server: Server) -> None:
    # given
    s3, kms = server.client("s3"), server.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    # when
    s3.put_object(Bucket=BUCKET, Key="encrypted", Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    name = "/aws/reference/secretsmanager/closecast/api-key"
    read = server.client("ssm").get_parameter(Name=name, WithDecryption=True)
    # then
    assert s3.head_object(Bucket=BUCKET, Key="encrypted")["ServerSideEncryption"] == "aws:kms"
    assert read["Parameter"]["Value"] == "opens nothing"
    s3.delete_object(Bucket=BUCKET, Key="encrypted")
