"""A stranger's files on the running platform, sent by an ordinary account: each is answered, and ends no process."""

import io
import json
import random
import secrets
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.conftest import Platform
from tests.security.ordinary import asked

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
CSV, PARQUET, OCTETS = "text/csv", "application/vnd.apache.parquet", "application/octet-stream"
HEAD = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"
DEAL = "A1,Ada Berg,GTX Pro,Oak Foods,Engaging,2017-11-20,,\n"


def _workbook(**parts: bytes) -> bytes:
    """A zip archive with the parts of a workbook."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, content in parts.items():
            archive.writestr(f"xl/{name}.xml", content)
    return target.getvalue()


def _laughs() -> bytes:
    """A workbook whose XML would grow a thousandfold with each of nine entities."""
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{at} "{f"&a{at - 1};" * 1_000}">' for at in range(1, 9))
    return _workbook(workbook=f"<!DOCTYPE w [{entities}]><w>&a8;</w>".encode())


def _parquet(draw: random.Random) -> bytes:
    """A Parquet file of one deal, of which some bits are others."""
    row = dict(zip(HEAD.strip().split(","), DEAL.strip().split(","), strict=True))
    target = io.BytesIO()
    pq.write_table(pa.table({name: [value] * 50 for name, value in row.items()}), target)
    content = bytearray(target.getvalue())
    for _ in range(4):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return bytes(content)


def _files() -> dict[str, bytes]:
    draw = random.Random(18)
    return {
        "empty": b"",
        "zeros": bytes(1_000_000),
        "one line of nine megabytes": HEAD.encode() + b"x" * 9_000_000,
        "a quotation mark without its other half": (HEAD + '"' + DEAL * 20_000).encode(),
        "a hundred thousand columns": ",".join(f"c{at}" for at in range(100_000)).encode() + b"\n1\n",
        "no text in any encoding": bytes(draw.randrange(256) for _ in range(50_000)),
        "utf-16 cut in the middle": (HEAD + DEAL).encode("utf-16")[:-1],
        "a workbook that unpacks to two gigabytes": _workbook(**{"worksheets/sheet1": bytes(2_000_000_000)}),
        "a workbook of entities": _laughs(),
        "an old workbook that is none": bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600) + b"\xff" * 5_000,
        "an archive within": _workbook(workbook=_workbook(workbook=b"<x/>")),
        **{f"bits of Parquet {at}": _parquet(draw) for at in range(6)},
        "Parquet that ends early": b"PAR1" + b"\xff" * 64 + b"PAR1",
    }


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """The files, where another account can read them."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        place.chmod(0o755)
        for name, content in _files().items():
            file = place / name.replace(" ", "-")
            file.write_bytes(content)
            file.chmod(0o644)
        yield place


@pytest.fixture(scope="module")
def key(platform: Platform) -> Iterator[str]:
    """The key of a caller who may score."""
    body = {"name": f"files-{secrets.token_hex(4)}", "role": "scorer"}
    made = platform.api("POST", "/v1/keys", json=body).json()
    yield made["secret"]
    platform.api("DELETE", f"/v1/keys/{made['key']['id']}")


@pytest.fixture
def send(platform: Platform, key: str) -> Callable[[str, str, Path], tuple[int, str]]:
    """Sends a file as an ordinary account, past the gateway's certificate, which that account does not know."""

    def sent(route: str, kind: str, file: Path) -> tuple[int, str]:
        headers = ("--header", f"X-API-Key: {key}", "--header", f"Content-Type: {kind}")
        return asked(
            "--insecure", *headers, "--data-binary", f"@{file}", platform.address("gateway") + route, seconds=120
        )

    return sent


@pytest.mark.parametrize(
    ("route", "kinds"), [("/v1/exports/check", (OCTETS,)), ("/v1/predictions/batch", (CSV, PARQUET))]
)
def test_each_file_is_answered_and_no_process_ends(
    platform: Platform,
    folder: Path,
    send: Callable[[str, str, Path], tuple[int, str]],
    route: str,
    kinds: tuple[str, ...],
) -> None:
    # given
    serving = {one.pid for one in platform.processes("api", "api") if "services.api" in one.cmdline()}
    assert serving
    # when
    found = {(file.name, kind): send(route, kind, file) for file in sorted(folder.iterdir()) for kind in kinds}
    # then each is refused with a problem document, or read: some bits of a file mean nothing
    wrong = {
        name: (status, body[:200])
        for name, (status, body) in found.items()
        if status not in (200, 400, 413, 415, 422) or (status != 200 and json.loads(body)["status"] != status)
    }
    assert wrong == {}
    assert sum(status == 200 for status, _ in found.values()) < len(found) / 2
    # and nothing of the machine is quoted
    assert not [name for name, (_, body) in found.items() if "Traceback" in body or "/runtime/" in body]
    # and the same processes answer as before
    assert serving <= {one.pid for one in platform.processes("api", "api")}
    deal = {"engage_date": "2017-11-20", "sales_agent": "Ada Berg"}
    answer = platform.api("POST", "/v1/predictions", json={"deal": deal, "as_of": "2017-12-01", "horizon": 30})
    assert answer.status_code == 200
