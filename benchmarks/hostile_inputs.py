"""Hostile requests by kind, made from a seed, as unauthenticated and authenticated callers may send them."""

import base64
import io
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa
import pyarrow.parquet as pq

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
DEAL = {"engage_date": "2017-11-20", "sales_agent": "Ada Berg", "product": "GTX Pro", "account": "Oak Foods"}
_ODD: list[object] = [
    None,
    True,
    [],
    {},
    [[]],
    "null",
    "30",
    "1e2",
    "NaN",
    "",
    " ",
    "\x00",
    "\x9b2J",
    "\u202e",
    "é" * 600,
    -1,
    0,
    1e308,
    10**30,
    1.5,
    "=1+1",
    "2017-02-30",
    "0000-00-00",
    "9999-12-31",
    {"a": {"b": []}},
]
_ROUTES = (
    "/v1/predictions",
    "/v1/explanations",
    "/v1/outcomes",
    "/v1/keys",
    "/v1/keys/aaaaaaaaaaaa/rotate",
    "/v1/predictions/batch",
    "/v1/opinions",
    "/v1/users",
    "/v1/sign-in",
    "/v1/alerts/silences",
)


@dataclass(frozen=True)
class Input:
    """One request. With `wrong`, an answer below 400 is a finding; `raw` bytes are sent as they are."""

    kind: str
    method: str = "POST"
    path: str = "/v1/predictions"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    wrong: bool = False
    has_key: bool = True
    raw: bytes | None = None


def _text(draw: random.Random) -> str:
    return "".join(draw.choice(string.printable + "\x00\x9b\u202e\ufeffé") for _ in range(draw.randrange(20)))


def heads(draw: random.Random) -> Input:
    """Media types, codings and other headers that do not match the body."""
    body = json.dumps({"deal": DEAL}).encode()
    name, value = draw.choice(
        [
            (
                "Content-Type",
                draw.choice(
                    ["text/plain", "application/xml", "application/json; charset=utf-16", "multipart/form-data", "x"]
                ),
            ),
            ("Content-Encoding", draw.choice(["gzip", "br", "identity, gzip", "deflate", "x" * 200])),
        ]
    )
    extra = {
        draw.choice(["Accept", "X-Request-ID", "Traceparent", "Origin", "Accept-Language", "Range"]): quote(
            _text(draw), safe=string.punctuation + " "
        )
        or "x"
    }
    return Input("heads", headers={"Content-Type": JSON, **extra, name: value}, body=body, wrong=True)


def tokens(draw: random.Random) -> Input:
    """Tokens whose header or claims are of any type, unsigned, deep or long."""
    deep = "[" * draw.choice([10, 1_000, 3_000])
    header = {"alg": draw.choice([*_ODD, "RS256", "none", "HS256"]), "kid": draw.choice(_ODD), "typ": draw.choice(_ODD)}
    claims = {name: draw.choice(_ODD) for name in ("iss", "aud", "exp", "iat", "nbf", "sub") if draw.random() < 0.8}
    parts = [draw.choice([json.dumps(one), deep, '{"a":' + deep, _text(draw)]) for one in (header, claims)]
    parts[0] = "{" + parts[0] if draw.random() < 0.1 else parts[0]
    token = b".".join(base64.urlsafe_b64encode(one.encode()).rstrip(b"=") for one in [*parts, "x"])
    return Input(
        "tokens", "GET", "/v1/model", {"Authorization": f"Bearer {token.decode()[:15_000]}"}, wrong=True, has_key=False
    )


def json_bodies(draw: random.Random) -> Input:
    """Bodies that are not JSON, or JSON with invalid or suspicious content."""
    path = draw.choice(_ROUTES)
    sound: dict[str, Any] = {"deal": DEAL, "as_of": "2017-12-01", "horizon": 30}
    if path.endswith("batch"):
        sound = {"deals": [DEAL], "as_of": "2017-12-01", "horizon": 30}
    written = json.dumps(sound)
    wrong = [
        written.replace("30", draw.choice(['"30"', '"1e2"', "NaN", "Infinity", "1e2", "null", "[30]"])),
        written.replace('"2017-12-01"', draw.choice(['"null"', '"None"', "20171201", "true", '"2017-12-01T00:00:00"'])),
        written.replace('"as_of"', '"horizon": 30, "as_of"'),
        "\ufeff" + written,
        written.replace("Ada", "\\ud800"),
        written[: draw.randrange(len(written))],
        '{"deal": {}, "deals": ' + "[" * draw.choice([1_000, 100_000]),
        '{"deals": [{"product": ' + "[" * 5_000 + "]" * 5_000 + "}]}",
        "[" * 50_000 + "]" * 50_000,
        '{"a":' * 2_000 + "1" + "}" * 2_000,
        '{"name": "x", "expires_in_days": "null"}',
        '{"name": "x\u202e"}',
        _text(draw),
    ]
    return Input("JSON", path=path, headers={"Content-Type": JSON}, body=draw.choice(wrong).encode(), wrong=True)


def fields(draw: random.Random) -> Input:
    """Valid JSON with odd values in any field, which is refused or answered by row."""
    names = [*DEAL, "opportunity_id", "deal_stage", "close_date", "close_value", "colour"]
    deal = {**DEAL, **{draw.choice(names): draw.choice(_ODD) for _ in range(draw.randrange(1, 4))}}
    body: dict[str, Any] = {"deal": deal, draw.choice(["as_of", "horizon", "x"]): draw.choice(_ODD)}
    path = draw.choice(("/v1/predictions", "/v1/explanations", "/v1/predictions/batch"))
    if path.endswith("batch"):
        body["deals"] = [body.pop("deal"), DEAL]
    return Input("fields", path=path, headers={"Content-Type": JSON}, body=json.dumps(body).encode())


def opinions(draw: random.Random) -> Input:
    """Opinions with odd values, on deals that are not there."""
    body = {
        "opportunity_id": draw.choice([_text(draw), *_ODD]),
        "expects": draw.choice(["higher", "lower", *_ODD]),
        "reason": draw.choice([_text(draw), *_ODD]),
        draw.choice(["as_of", "horizon", "probability"]): draw.choice(_ODD),
    }
    return Input(
        "opinions", path="/v1/opinions", headers={"Content-Type": JSON}, body=json.dumps(body).encode(), wrong=True
    )


def forms(draw: random.Random) -> Input:
    """The sign-in page's form with odd fields, of another site, or cut off."""
    names = ["name", "password", "next", _text(draw)]
    body = urlencode([(draw.choice(names), draw.choice([_text(draw), "a" * 300])) for _ in range(draw.randrange(6))])
    headers = {
        "Content-Type": draw.choice(["application/x-www-form-urlencoded", JSON, "multipart/form-data; boundary=x"])
    }
    if draw.random() < 0.5:
        headers["Origin"] = draw.choice(["null", "https://evil.example", "http://[", "file://"])
    content = body.encode()[: draw.randrange(len(body) + 1)] + draw.choice([b"", b"%FF", b"\xff", b"&&", b"%"])
    return Input("forms", path="/sign-in", headers=headers, body=content, wrong=True, has_key=False)


def callbacks(draw: random.Random) -> Input:
    """Ways to the OpenID provider and back from it, with odd queries and cookies, where no provider is configured."""
    names = ["code", "state", "iss", "error", "next", _text(draw)]
    query = urlencode([(draw.choice(names), draw.choice([_text(draw), "a" * 5_000])) for _ in range(draw.randrange(6))])
    cookie = draw.choice(["e30", "bnVsbA", "%00", "x" * 3_000, quote(_text(draw))])
    path = draw.choice(["/sign-in/provider", "/sign-in/callback"])
    return Input(
        "callbacks",
        draw.choice(["GET", "POST"]),
        path=f"{path}?{query}",
        headers={"Cookie": f"closecast_sign_in={cookie}"},
        wrong=True,
        has_key=False,
    )


def probes(draw: random.Random) -> Input:
    """Health checks with odd queries, bodies and methods; a query is no reason to call a service ill."""
    path = draw.choice(["/health/live", "/health/startup", "/health/ready", "/health/ready/", "/health/" + "x" * 500])
    return Input(
        "probes",
        draw.choice(["GET", "GET", "HEAD", "POST", "DELETE"]),
        path=f"{path}?{urlencode([(_text(draw), _text(draw))])}",
        headers={"Content-Type": draw.choice([JSON, "text/plain"])},
        body=draw.choice([b"", _text(draw).encode("utf-8", "replace"), b"[" * 10_000]),
        has_key=False,
    )


def tables(draw: random.Random) -> Input:
    """CSV with odd quotes, zero bytes and rows of wrong width."""
    rows = ["engage_date,account,product", *(f"2017-11-20,{_text(draw)},GTX Pro" for _ in range(3))]
    content = bytearray("\n".join(rows).encode())
    for _ in range(draw.randrange(4)):
        content[draw.randrange(len(content))] = draw.randrange(256)
    accept = draw.choice([JSON, CSV, PARQUET])
    return Input(
        "CSV", path="/v1/predictions/batch", headers={"Content-Type": CSV, "Accept": accept}, body=bytes(content)
    )


def parquet(draw: random.Random) -> Input:
    """Parquet with flipped bits, truncated, with other types, or with wrong sizes."""
    odd = draw.choice(
        [
            pa.array([1] * 9, pa.timestamp("us", tz="Mars/Base")),
            pa.array([["x"]] * 9),
            pa.array([b"\xff"] * 9),
            pa.array(["2017-11-20"] * 9),
            pa.array([2**62] * 9, pa.timestamp("us")),
        ]
    )
    target = io.BytesIO()
    pq.write_table(
        pa.table({"engage_date": odd, "account": list("abcdefghi")}),
        target,
        compression=draw.choice(["none", "snappy", "zstd"]),
        use_dictionary=draw.random() < 0.5,
    )
    content = bytearray(target.getvalue())
    for _ in range(draw.choice([0, 1, 1, 2, 8])):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    if draw.random() < 0.1:
        content = content[: draw.randrange(1, len(content))]
    return Input("Parquet", path="/v1/predictions/batch", headers={"Content-Type": PARQUET}, body=bytes(content))


def queries(draw: random.Random) -> Input:
    """Queries with null, unusual number formats, unknown and repeated names."""
    path, name = draw.choice(
        [
            ("/v1/pipeline", "as_of"),
            ("/v1/pipeline", "limit"),
            ("/v1/pipeline", "offset"),
            ("/v1/pipeline", "order"),
            ("/v1/pipeline", "weeks_back"),
            ("/v1/forecast", "as_of"),
            ("/v1/forecast", "group_by"),
            ("/v1/model/evaluation", "version"),
            ("/v1/deal", "opportunity_id"),
            ("/v1/opinions", "opportunity_id"),
            ("/v1/audit", "before"),
            ("/v1/predictions/0193b7a0-0000-7000-8000-000000000000", "row"),
        ]
    )
    value = draw.choice(
        [
            "null",
            "None",
            "1e2",
            "-1",
            "+1",
            "1.0",
            "",
            " 1",
            "0x1",
            "\u0661",
            "\x00",
            "1&" + name + "=1",
            _text(draw) + "!",
        ]
    )
    return Input("queries", "GET", f"{path}?{name}={value if value.startswith('1&') else quote(value)}", wrong=True)


def webhooks(draw: random.Random) -> Input:
    """Unsigned webhook deliveries."""
    headers = {
        "X-MLflow-Timestamp": draw.choice(["9" * 400, "-1", "1e9", "x"]),
        "X-MLflow-Delivery-Id": "d",
        "X-MLflow-Signature": draw.choice(["v1,AAAA", "v1,", "v2,x", "v1," + "=" * 50]),
        "Content-Type": JSON,
    }
    return Input(
        "webhooks", path="/v1/registry-events", headers=headers, body=_text(draw).encode(), wrong=True, has_key=False
    )


def chunks(draw: random.Random) -> Input:
    """Invalid chunked bodies, and heads that are not HTTP."""
    head = b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw = draw.choice(
        [
            head + b"zz\r\n{}\r\n0\r\n\r\n",
            head + b"-1\r\n",
            head + b"fffffffffffffffff\r\n{}",
            head + b"5\r\n{}\r\n0\r\n\r\n",
            head.replace(b"chunked", b"gzip, chunked") + b"0\r\n\r\n",
            b"\x16\x03\x01\x00\x00",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            head.replace(b"Host: x", b"Host: x\r\nContent-Length: 5") + b"0\r\n\r\n",
            bytes(draw.randrange(256) for _ in range(draw.randrange(1, 200))),
        ]
    )
    return Input("chunks", wrong=True, raw=raw)


KINDS: tuple[Callable[[random.Random], Input], ...] = (
    heads,
    tokens,
    json_bodies,
    fields,
    opinions,
    forms,
    callbacks,
    probes,
    tables,
    parquet,
    queries,
    webhooks,
    chunks,
)
