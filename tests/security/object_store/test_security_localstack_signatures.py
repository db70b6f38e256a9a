"""LocalStack's door opens to nobody but the holder of the platform's own key, and to what that signed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.security.object_store.conftest import BODY, BUCKET, INTERNAL, KEY, SECRET, Server, flipped

pytestmark = pytest.mark.integration

_PLACE = f"/{BUCKET}/stolen.txt"


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({}, "SignatureDoesNotMatch"),
        ({"access": "test", "secret": "test"}, "InvalidAccessKeyId"),
        ({"access": INTERNAL, "secret": INTERNAL}, "InvalidAccessKeyId"),
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
)
def test_s3_refuses_what_the_key_did_not_sign(what: dict[str, Any], code: str, stored: Server) -> None:
    # given a request that would be served, and one thing in it changed
    body = b"the body"
    headers = stored.signed("PUT", _PLACE, body, **{name: what[name] for name in ("access", "secret") if name in what})
    if not what:
        headers["Authorization"] = flipped(headers["Authorization"])
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
        flipped(address),
        address.replace("Expires=60", "Expires=61"),
        address.replace("text%2Fa", "text%2Fb"),
        address.replace(KEY[:3], "DAY"),
        f"{address}&versionId=1",
        f"{address}&X-Amz-Expires=60",
        expired,
        early,
        address.replace("X-Amz-Signature", "X-Amz-Nothing"),
        presigned(access="test", secret="test"),
        address.replace("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""),
        str(other).removeprefix(stored.url),
    ):
        assert stored.send("GET", changed, {})[0] == 403, changed
    assert stored.send("PUT", address, {}, b"mine")[0] == 403
    assert stored.send("GET", address, stored.signed("GET", address, b""))[0] == 403
