"""LocalStack's door: on loopback alone, and open to nobody but the holder of the platform's own key."""

import base64
import hashlib
import http.client
import io
import json
import socket
import ssl
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from pyarrow.fs import S3FileSystem

from services.localstack.mirror import rclone
from tests.security.ordinary import asked
from tests.servers import LOCALSTACK_PYTHON, free_port, localstack_server

pytestmark = pytest.mark.integration

ACCESS, SECRET = "LKIAQAAAAAAAAAASECUR", "the/platform's+own secret"
BUCKET, KEY, BODY = "closecast-security", "day=2026-11-27/a b+c ü.txt", b"what was stored"
# What LocalStack's clients inside itself sign with: known to everybody.
_INTERNAL = "__internal_call__"


@dataclass(frozen=True)
class Server:
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str, access: str = ACCESS, secret: str = SECRET, **config: Any) -> Any:
        return boto3.client(
            service, endpoint_url=self.url, aws_access_key_id=access, aws_secret_access_key=secret, region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, **config),
        )  # fmt: skip

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, str, str]:
        """Status, content type and body of the answer to a request written just so."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, target, skip_host="host" in {name.lower() for name in headers})
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read().decode(errors="replace")

    def signed(self, method: str, target: str, body: bytes, service: str = "s3", **how: Any) -> dict[str, str]:
        """The headers of a request as botocore signs it."""
        signer = {"s3": S3SigV4Auth}.get(service, SigV4Auth)(
            Credentials(how.get("access", ACCESS), how.get("secret", SECRET)), service, "us-east-1"
        )
        request = AWSRequest(method, f"{self.url}{target}", headers=how.get("headers", {}), data=body)
        signer.add_auth(request)
        return {**{name: str(value) for name, value in request.headers.items()}, "Host": f"127.0.0.1:{self.port}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not LOCALSTACK_PYTHON.exists():
        pytest.skip("LocalStack's environment is not there: run ./just test, which prepares it")
    port = free_port()
    with localstack_server(port, ACCESS, SECRET, tmp_path_factory.mktemp("localstack")) as pid:
        found = Server(port, pid)
        found.client("s3").create_bucket(Bucket=BUCKET)
        found.client("secretsmanager").create_secret(Name="closecast/api-key", SecretString="opens nothing")
        yield found


@pytest.fixture
def stored(server: Server) -> Iterator[Server]:
    """The server with one object, which must be the same afterwards and the only one."""
    s3 = server.client("s3")
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
    yield server
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [KEY]
    assert s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == BODY
    s3.delete_object(Bucket=BUCKET, Key=KEY)


def test_it_listens_on_the_one_port_it_was_given_and_on_loopback(server: Server) -> None:
    # when
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    sockets = [one for process in family for one in process.net_connections("all")]
    # then
    assert {one.laddr for one in sockets if one.status == psutil.CONN_LISTEN} == {("127.0.0.1", server.port)}
    assert not [one for one in sockets if one.type == socket.SOCK_DGRAM and one.family != socket.AF_UNIX]


def test_no_other_address_of_this_machine_answers(server: Server) -> None:
    found = psutil.net_if_addrs().values()
    others = {one.address for card in found for one in card if one.family == socket.AF_INET} - {"127.0.0.1"}
    for address in [*others, "127.0.0.2"]:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, server.port), timeout=5)


_FORGED = "AWS4-HMAC-SHA256 Credential={}/20261127/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=00"


@pytest.mark.parametrize("known", ["test", _INTERNAL, ACCESS, "000000000000"])
def test_an_ordinary_account_reads_and_writes_nothing(known: str, stored: Server) -> None:
    # given what LocalStack took for a signature
    secret = ["-H", f"Authorization: {_FORGED.format(known, 'secretsmanager')}", "-H",
              "X-Amz-Target: secretsmanager.GetSecretValue", "-H", "Content-Type: application/x-amz-json-1.1",
              "-d", '{"SecretId": "closecast/api-key"}', stored.url]  # fmt: skip
    s3 = ["-H", f"Authorization: {_FORGED.format(known, 's3')}"]
    place = f"{stored.url}/{BUCKET}"
    # when
    answers = [asked(*secret), asked(*s3, place), asked(*s3, f"{place}/mine", "-T", "/etc/hostname"),
               asked(*s3, f"{place}?delete", "-d", "<Delete/>"), asked(*s3, "-X", "DELETE", place), asked(place)]  # fmt: skip
    # then
    assert [status for status, _ in answers] == [403] * 6
    assert "opens nothing" not in answers[0][1]


@pytest.mark.parametrize("path", ["/_localstack/info", "/_localstack/plugins", "/_localstack/diagnose", "/_aws/ses",
                                  "/_localstack/init", "/%5flocalstack/info", "//_localstack/info", "/_localstack/health/",
                                  "/_localstack/health?reload", "/_localstack/./health"])  # fmt: skip
@pytest.mark.parametrize("with_key", [False, True])
def test_pages_of_localstack_itself_are_closed(path: str, with_key: bool, server: Server) -> None:
    headers = server.signed("GET", path, b"") if with_key else {}
    assert server.send("GET", path, headers)[0] == 403


def test_health_is_told_and_takes_no_orders(server: Server) -> None:
    # when
    asked_to_end = server.send("POST", "/_localstack/health", {}, b'{"action": "kill"}')
    put = server.send("PUT", "/_localstack/health", {}, b'{"features:x": "y"}')
    told = server.send("GET", "/_localstack/health", {})
    # then
    assert (asked_to_end[0], put[0], told[0]) == (403, 403, 200)
    assert "features" not in told[2]
    assert psutil.Process(server.pid).is_running()


def _flipped(signature: str) -> str:
    return signature[:-1] + ("0" if signature[-1] != "0" else "1")


_PLACE = f"/{BUCKET}/stolen.txt"


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({}, "SignatureDoesNotMatch"),
        ({"access": "test", "secret": "test"}, "InvalidAccessKeyId"),
        ({"access": _INTERNAL, "secret": _INTERNAL}, "InvalidAccessKeyId"),
        ({"secret": "another"}, "SignatureDoesNotMatch"),
        ({"secret": ""}, "SignatureDoesNotMatch"),
        ({"drop": "Authorization"}, "AccessDenied"),
        ({"drop": "X-Amz-Date"}, "AccessDenied"),
        ({"add": {"x-amz-meta-added": "1"}}, "AccessDenied"),
        ({"add": {"x-amz-copy-source": f"/{BUCKET}/{KEY}"}}, "AccessDenied"),
        ({"add": {"Host": "elsewhere"}}, "SignatureDoesNotMatch"),
        ({"add": {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}}, "SignatureDoesNotMatch"),
        ({"target": f"/{BUCKET}/other.txt"}, "SignatureDoesNotMatch"),
        ({"target": f"{_PLACE}?acl"}, "SignatureDoesNotMatch"),
        ({"method": "DELETE"}, "SignatureDoesNotMatch"),
        ({"body": b"another body"}, "XAmzContentSHA256Mismatch"),
        ({"body": b""}, "XAmzContentSHA256Mismatch"),
    ],
)  # fmt: skip
def test_s3_refuses_what_the_key_did_not_sign(what: dict[str, Any], code: str, stored: Server) -> None:
    # given a request that would be served, and one thing in it changed
    body = b"the body"
    headers = stored.signed("PUT", _PLACE, body, **{name: what[name] for name in ("access", "secret") if name in what})
    if not what:
        headers["Authorization"] = _flipped(headers["Authorization"])
    headers = {name: value for name, value in headers.items() if name != what.get("drop")} | what.get("add", {})
    # when
    status, kind, text = stored.send(
        what.get("method", "PUT"), what.get("target", _PLACE), headers, what.get("body", body)
    )
    # then
    assert (status, kind) == (403, "application/xml")
    assert f"<Error><Code>{code}</Code><Message>" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("nothing signed", "AccessDeniedException"),
        ("another key", "UnrecognizedClientException"),
        ("another secret", "InvalidSignatureException"),
        ("body", "InvalidSignatureException"),
        ("target", "InvalidSignatureException"),
    ],
)
def test_the_json_services_refuse_likewise(change: str, code: str, server: Server) -> None:
    # given
    how = {"another key": {"access": "test"}, "another secret": {"secret": "test"}}.get(change, {})
    plain = {"X-Amz-Target": "secretsmanager.DescribeSecret", "Content-Type": "application/x-amz-json-1.1"}
    body = b'{"SecretId": "closecast/api-key"}'
    headers = server.signed("POST", "/", body, "secretsmanager", headers=plain, **how)
    if change == "nothing signed":
        headers = plain
    if change == "target":
        headers["X-Amz-Target"] = "secretsmanager.GetSecretValue"
    # when
    status, kind, text = server.send("POST", "/", headers, body + b" " if change == "body" else body)
    # then
    assert (status, kind) == (403, "application/x-amz-json-1.1")
    assert json.loads(text)["__type"] == code
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        server.client("ssm", "test", "test").describe_parameters()


def test_the_query_services_refuse_likewise(server: Server) -> None:
    for service, call in (("sts", "get_caller_identity"), ("iam", "list_users")):
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            getattr(server.client(service, "test", "test"), call)()
        assert getattr(server.client(service), call)()


@pytest.mark.parametrize("minutes", [-16, 16, -60 * 24, 60 * 24 * 365])
def test_a_signature_of_another_time_is_refused(minutes: int, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: then)
    headers = server.signed("GET", f"/{BUCKET}", b"")
    # when / then
    status, _, text = server.send("GET", f"/{BUCKET}", headers)
    assert (status, "RequestTimeTooSkewed" in text) == (403, True)


def test_a_presigned_address_serves_what_it_was_made_for_and_nothing_else(
    stored: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    def presigned(seconds: int = 60, **key: str) -> str:
        client = stored.client("s3", signature_version="s3v4", **key)
        wanted = {"Bucket": BUCKET, "Key": KEY, "ResponseContentType": "text/a b"}
        return str(client.generate_presigned_url("get_object", wanted, seconds)).removeprefix(stored.url)

    address = presigned()
    other = stored.client("s3", signature_version="s3").generate_presigned_url(
        "get_object", {"Bucket": BUCKET, "Key": KEY}
    )
    with monkeypatch.context() as patched:
        long_ago = datetime.now(UTC) - timedelta(minutes=5)
        patched.setattr("botocore.auth.get_current_datetime", lambda *_, **__: long_ago)
        expired = presigned(60)
        patched.setattr("botocore.auth.get_current_datetime", lambda *_, **__: datetime.now(UTC) + timedelta(hours=1))
        early = presigned(60)
    # when
    whole = stored.send("GET", address, {})
    # then
    assert (whole[0], whole[2]) == (200, BODY.decode())
    for changed in (
        _flipped(address), address.replace("Expires=60", "Expires=61"), address.replace("text%2Fa", "text%2Fb"),
        address.replace(KEY[:3], "DAY"), f"{address}&versionId=1", f"{address}&X-Amz-Expires=60", expired, early,
        address.replace("X-Amz-Signature", "X-Amz-Nothing"), presigned(access="test", secret="test"),
        address.replace("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""), str(other).removeprefix(stored.url),
    ):  # fmt: skip
        assert stored.send("GET", changed, {})[0] == 403, changed
    assert stored.send("PUT", address, {}, b"mine")[0] == 403
    assert stored.send("GET", address, stored.signed("GET", address, b""))[0] == 403


@pytest.mark.parametrize(
    "header",
    ["AWS test:c2ln", "Bearer x", "Basic dGVzdDp0ZXN0", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=,,=,;=",
     f"AWS4-HMAC-SHA256 Credential={ACCESS}, SignedHeaders=, Signature=", "AWS4-ECDSA-P256-SHA256 Credential=x",
     f"AWS4-HMAC-SHA256 Credential={ACCESS}/20261127/us-east-1/s3/aws4_request, SignedHeaders=\xff, Signature=\xff"],
)  # fmt: skip
def test_any_other_way_to_show_who_one_is_is_refused(header: str, server: Server) -> None:
    answer = server.send("GET", f"/{BUCKET}", {"Authorization": header, "X-Amz-Date": "20261127T000000Z"})
    assert answer[0] == 403


def test_the_words_of_localstacks_own_clients_open_nothing(server: Server) -> None:
    headers = {
        "x-localstack-data": '{"service_principal": "s3"}',
        "x-localstack-target": "s3",
        "x-moto-account-id": "000000000000",
    }
    assert server.send("GET", f"/{BUCKET}", headers)[0] == 403


def test_neither_websockets_nor_tls_go_round_the_door(server: Server) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode()}  # fmt: skip
    assert server.send("GET", "/_localstack/x", upgrade)[0] == 403
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain, pytest.raises(OSError):
        context.wrap_socket(plain)


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
    request = AWSRequest("PUT", f"{server.url}{target}", headers={
        "Content-Encoding": "aws-chunked", "X-Amz-Trailer": "x-amz-checksum-crc32",
        "X-Amz-Decoded-Content-Length": str(len(data))})  # fmt: skip
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
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "whole"}, Metadata={"a": " b  c "},
                   MetadataDirective="REPLACE")  # fmt: skip
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
    remote = (f":s3,provider=Other,access_key_id='{ACCESS}',secret_access_key=\"{SECRET}\",region=us-east-1,"
              f"force_path_style=true,endpoint='http://{place.netloc}':{BUCKET}")  # fmt: skip
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
