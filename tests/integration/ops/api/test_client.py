"""The client of the prediction API passes on what the API says."""

import json

import pytest

from ops.api.client import Api
from ops.errors import OperatorError
from tests.http_double import Double


def test_the_apis_own_words_reach_the_user(double: Double) -> None:
    api = Api(double.address, "key")
    double.answers["GET /v1/model"] = (503, {"title": "x", "detail": "no model serves yet"})
    with pytest.raises(OperatorError, match="the API answered 503: no model serves yet"):
        api.call("GET", "/v1/model")
    double.answers["GET /v1/model"] = (502, b"<html>")
    with pytest.raises(OperatorError, match="502: <html>"):
        api.call("GET", "/v1/model")
    assert api.readiness() == (False, json.dumps({"detail": "the double knows no GET /health/ready"}))
    gone = Api("http://127.0.0.1:9", "key")
    assert gone.readiness()[0] is False
    with pytest.raises(OperatorError, match=r"the API does not answer at http://127\.0\.0\.1:9"):
        gone.call("GET", "/")
