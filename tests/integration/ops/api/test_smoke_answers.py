"""What `smoke` asks of a platform, and what it makes of the answers."""

from pathlib import Path

import pytest

from ops.api.smoke import smoke
from ops.errors import OperatorError
from tests.http_double import Double

FORM = b'<form><input type="password"></form>'
DEAL = {"engage_date": "2017-12-17", "product": "GTX Pro", "probability": 0.6}


@pytest.fixture
def platform(double: Double, monkeypatch: pytest.MonkeyPatch) -> Double:
    """A platform on which all is well."""
    monkeypatch.setenv("CLOSECAST_API_KEY", "key")
    double.answers |= {
        "GET /health/ready": (200, {"status": "ready"}),
        "GET /sign-in": (200, FORM),
        "GET /v1/pipeline": (200, {"as_of": "2017-12-31", "deals": [DEAL]}),
        "POST /v1/predictions": (200, {"probability": 0.42, "by": "2018-03-31"}),
        "GET /v1/model": (200, {"version": "3"}),
    }
    double.kinds["GET /sign-in"] = "text/html; charset=utf-8"
    return double


def test_a_platform_that_serves_is_asked_as_a_caller_would(
    platform: Double, capsys: pytest.CaptureFixture[str]
) -> None:
    assert smoke([platform.address]) == 0
    assert "model version 3 gave a deal a chance of 42% by 2018-03-31" in capsys.readouterr().out
    (sent,) = (body for key, body in platform.asked if key == "POST /v1/predictions")
    assert b'"product":"GTX Pro"' in sent
    assert b"probability" not in sent


@pytest.mark.parametrize(
    ("key", "answer", "told"),
    [
        ("GET /health/ready", (503, {"detail": "no model"}), "was not ready within 0 s: .*no model"),
        ("GET /sign-in", (200, b"<h1>It works</h1>"), "sign-in is no form to sign in: 200"),
        ("GET /sign-in", (502, FORM), "sign-in is no form to sign in: 502"),
        ("GET /v1/pipeline", (200, {"as_of": "2017-12-31", "deals": []}), "hold no open deal"),
        ("POST /v1/predictions", (403, {"detail": "this key may not"}), "403: this key may not"),
        ("POST /v1/predictions", (200, {"probability": 7, "by": "2018-03-31"}), "is no probability: 7"),
    ],
)
def test_what_does_not_serve_is_named(platform: Double, key: str, answer: tuple[int, object], told: str) -> None:
    platform.answers[key] = answer
    with pytest.raises(OperatorError, match=told):
        smoke([platform.address, "--wait", "0s"])


def test_an_answer_of_another_type_is_no_page(platform: Double) -> None:
    platform.kinds["GET /sign-in"] = "application/json"
    with pytest.raises(OperatorError, match="no form to sign in: 200, application/json"):
        smoke([platform.address])


@pytest.mark.usefixtures("platform")
def test_what_cannot_be_asked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("closecast.example.com", "ftp://example.com", "https://example.com/v1", "https://"):
        with pytest.raises(OperatorError, match="is no address of a platform"):
            smoke([url])
    with pytest.raises(OperatorError, match=r"there is no file .*ca\.pem"):
        smoke(["https://example.com", "--ca", str(tmp_path / "ca.pem")])
    monkeypatch.delenv("CLOSECAST_API_KEY")
    with pytest.raises(OperatorError, match="CLOSECAST_API_KEY is not set"):
        smoke(["https://example.com"])


def test_a_platform_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECAST_API_KEY", "key")
    with pytest.raises(OperatorError, match=r"http://127\.0\.0\.1:9 was not ready within 0 s"):
        smoke(["http://127.0.0.1:9", "--wait", "0s"])
