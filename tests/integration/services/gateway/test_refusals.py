"""A refusal reaches the caller, whatever it sends and however it sends it: all before it reads anything, with or without a length."""

import json
import subprocess
from collections.abc import Callable, Iterator

import httpx
import pytest
import requests

from closecast.models.deal_model import DealModel
from tests.integration.services.api.live import live
from tests.integration.services.gateway.conftest import Gateway, made
from tests.unit.services.api.conftest import KEY, keep, settings
from tests.waiting import until

pytestmark = pytest.mark.integration
BATCH = "/v1/predictions/batch"
# Route, size of the body, what the caller says of itself, and what it shall read.
REFUSED = [
    (BATCH, 10_000_001, {"X-API-Key": KEY}, 413),
    (BATCH, 40_000_000, {"X-API-Key": KEY}, 413),
    ("/v1/predictions", 10_000_001, {"X-API-Key": KEY}, 413),
    (BATCH, 5_000_000, {}, 401),
    (BATCH, 20_000_000, {}, 401),
    ("/v1/registry-events", 5_000_000, {}, 404),
    (BATCH, 5_000_000, {"Host": "deals.example"}, 421),
]
Answer = tuple[int, str, bytes]


@pytest.fixture(scope="module")
def whole(served_model: DealModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with a real API behind it."""
    cache = tmp_path_factory.mktemp("cache")
    keep(served_model, cache)
    gateway = made(tmp_path_factory.mktemp("gateway"))
    with live(settings(cache)) as address:
        gateway.route([address.removeprefix("http://")])
        with gateway.served(), gateway.client() as client:
            until(lambda: client.get("/health/ready").status_code == 200, told=gateway.log)
            yield gateway


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


def _with_requests(gateway: Gateway, path: str, body: bytes, headers: dict[str, str], chunked: bool) -> Answer:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            gateway.url + path,
            data=_pieces(body) if chunked else body,
            headers=headers,
            verify=str(gateway.root),
            timeout=60,
        )
    return answer.status_code, answer.headers["content-type"], answer.content


def _with_http2(gateway: Gateway, path: str, body: bytes, headers: dict[str, str], chunked: bool) -> Answer:
    with httpx.Client(base_url=gateway.url, verify=gateway.tls(), http2=True, trust_env=False, timeout=60) as client:
        answer = client.post(path, content=_pieces(body) if chunked else body, headers=headers)
    assert answer.http_version == "HTTP/2"
    return answer.status_code, answer.headers["content-type"], answer.content


def _with_curl(version: str) -> "Callable[[Gateway, str, bytes, dict[str, str], bool], Answer]":
    def send(gateway: Gateway, path: str, body: bytes, headers: dict[str, str], chunked: bool) -> Answer:
        file = gateway.folder / "body"
        file.write_bytes(body)
        given = [f"{name}: {value}" for name, value in ({"Content-Type": "application/json"} | headers).items()]
        given += ["Expect:", *(["Transfer-Encoding: chunked", "Content-Length:"] if chunked else [])]
        command = [
            "curl",
            "-sS",
            version,
            "--cacert",
            str(gateway.root),
            "--data-binary",
            f"@{file}",
            *(word for line in given for word in ("-H", line)),
            "-w",
            "\n%{http_code} %{content_type}",
            gateway.url + path,
        ]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 0, (path, len(body), done.stderr)
        content, _, words = done.stdout.rpartition(b"\n")
        status, media_type = words.decode().split(maxsplit=1)
        return int(status), media_type, content

    return send


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize(
    "send",
    [_with_requests, _with_http2, _with_curl("--http1.1"), _with_curl("--http2")],
    ids=["requests", "http2", "curl", "curl-http2"],
)
def test_a_refusal_is_read(
    whole: Gateway, send: Callable[[Gateway, str, bytes, dict[str, str], bool], Answer], chunked: bool
) -> None:
    for path, size, headers, expected in REFUSED:
        status, media_type, content = send(whole, path, b" " * size, headers, chunked)
        assert (status, media_type.partition(";")[0]) == (expected, "application/problem+json"), (path, size, headers)
        assert json.loads(content)["status"] == expected
