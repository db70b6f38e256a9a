"""One strict reading of every request: no text passes for a number or nothing, no name twice, no type or coding but the taken."""

import json
from typing import Any

import pytest
from litestar.testing import TestClient

from services.api.problems import NotUnderstoodError
from services.api.schemas.strict_json import require_once

Client = TestClient[Any]
JSON, PROBLEM = "application/json", "application/problem+json"
DEAL = '{"engage_date": "2017-11-20", "product": "GTX Pro"}'
REQUEST = f'{{"deal": {DEAL}, "as_of": "2017-12-01", "horizon": 30}}'
ROUTES = ("/v1/predictions", "/v1/explanations")

DOUBTFUL = [
    ("30}", '"30"}'),
    ("30}", '"1e2"}'),
    ("30}", "1e2}"),
    ("30}", "null}"),
    ("30}", "true}"),
    ("30}", "NaN}"),
    ("30}", "Infinity}"),
    ("30}", '30, "horizon": 30}'),
    ("30}", '30, "h\\u006frizon": 60}'),
    ('"2017-12-01"', '"null"'),
    ('"2017-12-01"', '"None"'),
    ('"2017-12-01"', "1512086400"),
    ('"2017-12-01"', '"2017-12-01T00:00:00Z"'),
    ('"product": "GTX Pro"', '"product": "GTX Pro", "product": "x"'),
    ('"GTX Pro"', '"\\ud800"'),
    ('{"deal', '\ufeff{"deal'),
    ("30}", "30} {}"),
    ("30}", '30, "x": ' + "[" * 100_000),
    ('"GTX Pro"', "[" * 5_000 + "]" * 5_000),
    ("30}", '30, "x": ' + '{"a":' * 2_000 + "1" + "}" * 2_001),
]
DEEP = ["[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000, '{"deals":[{"a":' + "[" * 3_000 + "]" * 3_000 + "}]}"]


def _body(path: str, text: str) -> bytes:
    if path.endswith("batch"):
        text = text.replace('"deal": {', '"deals": [{', 1).replace("},", "}],", 1)
    return text.encode()


def _send(client: Any, path: str, body: bytes, **headers: str) -> Any:
    return client.post(
        path, content=body, headers={"Content-Type": JSON, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(("old", "new"), DOUBTFUL)
def test_what_is_doubtful_is_refused_everywhere(client: Client, path: str, old: str, new: str) -> None:
    # given
    assert _send(client, path, REQUEST.encode()).status_code == 200
    # when
    answer = _send(client, path, REQUEST.encode().replace(old.encode(), new.encode(), 1))
    # then
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"].startswith(PROBLEM)


@pytest.mark.parametrize(
    "path",
    [
        *ROUTES,
        "/v1/predictions/batch",
        "/v1/outcomes",
        "/v1/keys",
        "/v1/keys/aaaaaaaaaaaa/rotate",
        "/v1/model/rollback",
    ],
)
@pytest.mark.parametrize(
    ("kind", "coding"),
    [
        ("text/plain", None),
        ("application/x-www-form-urlencoded", None),
        ("application/msgpack", None),
        ("application/json; charset=utf-16", None),
        (JSON, "gzip"),
        (JSON, "br"),
        (JSON, "identity, deflate"),
    ],
)
def test_another_type_or_coding_is_415(client: Client, path: str, kind: str, coding: str | None) -> None:
    headers = {"Content-Type": kind, **({} if coding is None else {"Content-Encoding": coding})}
    answer = client.post(path, content=_body(path, REQUEST), headers=headers)
    assert answer.status_code == 415, answer.text
    assert answer.headers["content-type"].startswith(PROBLEM)
    assert ("accept-encoding" if coding else "accept") in answer.headers


@pytest.mark.parametrize(
    "path", ["/v1/outcomes", "/v1/keys", "/v1/keys/aaaaaaaaaaaa/rotate", "/v1/model/rollback", *ROUTES]
)
def test_depth_is_refused_on_every_route_that_reads_a_body(client: Client, path: str) -> None:
    for body in DEEP:
        answer = _send(client, path, body.encode())
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["content-type"].startswith(PROBLEM)


@pytest.mark.parametrize("word", ["null", "Null", "1e2", "1.0", "+1", " 1", "0x1", "\u0661", "", "1&row=1"])
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/pipeline", "limit"),
        ("/v1/pipeline", "offset"),
        ("/v1/pipeline", "weeks_back"),
        ("/v1/pipeline", "as_of"),
        ("/v1/audit", "before"),
        ("/v1/model/history", "day"),
        ("/v1/monitoring", "limit"),
        ("/v1/predictions/0193b7a0-0000-7000-8000-000000000000", "row"),
    ],
)
def test_a_query_knows_no_null_and_one_spelling(client: Client, path: str, name: str, word: str) -> None:
    answer = client.get(f"{path}?{name}={word.replace(' ', '%20').replace('+', '%2B')}")
    assert answer.status_code == 400, answer.text


def test_a_query_parameter_that_is_not_known_is_refused(client: Client) -> None:
    assert client.get("/v1/pipeline?asof=2017-01-01").status_code == 400
    assert client.post("/v1/predictions?horizon=30", json={"deal": {"engage_date": "2017-11-20"}}).status_code == 400


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 1}', b'[{"b": {"x": "x", "x": "x"}}]', b'{"a": 1, "\\u0061": 2}'])
def test_a_name_twice_is_found_wherever_it_is(body: bytes) -> None:
    with pytest.raises(NotUnderstoodError, match="comes twice"):
        require_once(body)
    with pytest.raises(NotUnderstoodError, match="comes twice"):
        require_once(b"[" + body + b',"' + b"x" * 200_000 + b'"]')
    require_once(json.dumps({"a": "b", "b": "a", "c": [{"a": "a"}, {"a": "a"}]}).encode())
