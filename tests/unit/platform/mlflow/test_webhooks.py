"""A delivery signed as MLflow itself signs is taken; anything else is not. What an event says of an alias."""

import json
import time

import pytest

from closecast.platform.mlflow.webhooks import AliasEvent, EventError, SignatureError, alias_event, verify

SECRET = "the secret"
NOW = 1_800_000_000.0


def _signed_by_mlflow(secret: str, delivery_id: str, stamp: str, body: bytes) -> str:
    # Imported here: MLflow takes a second, which no other process of a run should wait for.
    from mlflow.webhooks.delivery import _generate_hmac_signature

    return _generate_hmac_signature(secret, delivery_id, stamp, body.decode())


def delivery(body: bytes, secret: str = SECRET, at: float = NOW) -> dict[str, str]:
    """The headers with which MLflow would send `body`."""
    stamp = str(int(at))
    return {
        "x-mlflow-delivery-id": "d-1",
        "x-mlflow-timestamp": stamp,
        "x-mlflow-signature": _signed_by_mlflow(secret, "d-1", stamp, body),
    }


BODY = json.dumps(
    {
        "entity": "model_version_alias",
        "action": "created",
        "timestamp": "2027-01-15T08:00:00+00:00",
        "data": {"name": "closecast", "alias": "champion", "version": "3"},
    }
).encode()


def test_what_mlflow_signed_is_taken() -> None:
    verify(delivery(BODY), BODY, SECRET, NOW)
    verify(delivery(BODY), BODY, SECRET, NOW + 299)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"x-mlflow-signature": ""}, "x-mlflow-signature is missing"),
        ({"x-mlflow-timestamp": ""}, "x-mlflow-timestamp is missing"),
        ({"x-mlflow-delivery-id": "d-2"}, "does not fit"),
        ({"x-mlflow-timestamp": "1800000001"}, "does not fit"),
        ({"x-mlflow-signature": "v1,AAAA"}, "does not fit"),
        ({"x-mlflow-signature": "v1,no base64 é"}, "does not fit"),
        ({"x-mlflow-signature": delivery(BODY)["x-mlflow-signature"].replace("v1", "v2")}, "does not fit"),
    ],
)
def test_a_delivery_that_was_touched_is_refused(changed: dict[str, str], words: str) -> None:
    with pytest.raises(SignatureError, match=words):
        verify({**delivery(BODY), **changed}, BODY, SECRET, NOW)


def test_another_body_secret_or_hour_is_refused() -> None:
    with pytest.raises(SignatureError, match="does not fit"):
        verify(delivery(BODY), BODY.replace(b"3", b"4"), SECRET, NOW)
    with pytest.raises(SignatureError, match="does not fit"):
        verify(delivery(BODY, secret="a guess"), BODY, SECRET, NOW)
    for later in (301, -301):
        with pytest.raises(SignatureError, match="more than 300 s from now"):
            verify(delivery(BODY), BODY, SECRET, NOW + later)


def test_an_alias_that_moved_or_went_is_read() -> None:
    assert alias_event(BODY) == AliasEvent("closecast", "champion", "3")
    gone = json.dumps({"entity": "model_version_alias", "action": "deleted", "data": {"name": "a", "alias": "b"}})
    assert alias_event(gone.encode()) == AliasEvent("a", "b", None)
    assert alias_event(b'{"entity": "registered_model", "action": "created", "data": {}}') is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"entity": "model_version_alias"}', b"\xff", str(time).encode()])
def test_what_is_no_event_is_told(body: bytes) -> None:
    with pytest.raises(EventError, match="no event of MLflow's"):
        alias_event(body)


@pytest.mark.parametrize("stamp", ["9" * 400, "9" * 5_000, "-1", "1e9", "", "\u0661", "1" * 13])
def test_a_signed_time_that_is_none_is_refused(stamp: str) -> None:
    headers = {
        "x-mlflow-delivery-id": "d",
        "x-mlflow-timestamp": stamp,
        "x-mlflow-signature": _signed_by_mlflow(SECRET, "d", stamp, BODY),
    }
    with pytest.raises(SignatureError):
        verify(headers, BODY, SECRET, NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"entity": "model_version_alias", "a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"\xff",
        b"[]",
        b"1",
        b'{"entity": []}',
        b'{"entity": "model_version_alias", "action": "created", "data": {"name": "a", "alias": "b", "version": []}}',
        b'{"entity": "model_version_alias", "action": "created", "data": []}',
    ],
)
def test_a_body_of_another_shape_is_no_event(body: bytes) -> None:
    with pytest.raises(EventError, match="no event of MLflow's"):
        alias_event(body)
