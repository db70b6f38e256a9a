"""The real pip-audit on the real locks; an HTTP double answers for the advisory service."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ops import paths
from ops.dependencies import vulnerabilities as command
from ops.dependencies.vulnerabilities import vulnerabilities
from ops.errors import OperatorError
from ops.setup.locks import LOCKS

pytestmark = pytest.mark.integration
SMALL = tuple(lock for lock in LOCKS if lock.file == "services/requirements/gateway.txt")


def _advisory(package: str) -> dict[str, object]:
    events = [{"introduced": "0"}, {"fixed": "999.0"}]
    affected = {
        "package": {"name": package, "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    return {"id": "GHSA-aaaa-bbbb-cccc", "aliases": ["CVE-2026-0001"], "summary": "made up", "affected": [affected]}


class Service(ThreadingHTTPServer):
    """OSV's interface: knows one advisory, on `vulnerable`, and what it was asked for."""

    asked: set[str]
    vulnerable = "python-json-logger"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/query"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        self.server.asked.add(name)
        found = {"vulns": [_advisory(name)]} if name == self.server.vulnerable else {}
        payload = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """The tests' output is theirs."""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    server = Service(("127.0.0.1", 0), _Handler)
    server.asked = set()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    monkeypatch.setenv("CLOSECAST_ADVISORIES", server.address)
    monkeypatch.setattr(command, "LOCKS", SMALL)
    monkeypatch.setattr(command, "ACCEPTED", tmp_path / "advisories.yaml")
    (tmp_path / "advisories.yaml").touch()
    yield server
    server.shutdown()


@pytest.mark.slow
def test_every_package_of_every_lock_is_looked_up_and_a_vulnerability_is_told_with_its_locks(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "LOCKS", LOCKS)
    service.vulnerable = "uvicorn"
    assert vulnerabilities([]) == 2
    printed = capsys.readouterr().out
    assert "CVE-2026-0001, GHSA-aaaa-bbbb-cccc, fixed in 999.0 (in requirements-dev.txt, requirements.txt, " in printed
    assert "services/requirements/serving.txt" in printed
    assert "1 known vulnerabilities, 0 accepted" in printed
    assert {"litestar", "localstack-core", "checkov", "rust-just", "hatchling"} <= service.asked


def test_what_is_accepted_is_left_out_until_its_day(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "advisories.yaml"
    file.write_text('- { id: CVE-2026-0001, why: "made up", until: 2999-01-01 }\n')
    assert vulnerabilities([]) == 0
    assert "0 known vulnerabilities, 1 accepted" in capsys.readouterr().out
    # when its day is over, then it counts again
    file.write_text('- { id: CVE-2026-0001, why: "made up", until: 2020-01-01 }\n')
    assert vulnerabilities([]) == 2
    # when nothing has it any more, then the entry is named
    service.vulnerable = "nothing"
    file.write_text('- { id: CVE-2026-0001, why: "made up", until: 2999-01-01 }\n')
    assert vulnerabilities([]) == 0
    assert (
        "CVE-2026-0001 is accepted in policies/advisories.yaml, and nothing has it any more" in capsys.readouterr().out
    )


def test_the_bill_of_an_image_is_looked_up_too(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "BILLS", paths.PROJECT / ".closecast" / "no-such-folder")
    with pytest.raises(OperatorError, match=r"there is no bill of materials in \.closecast/no-such-folder"):
        vulnerabilities(["--images"])
    monkeypatch.setattr(command, "BILLS", tmp_path)
    components = [
        {"purl": "pkg:pypi/only-in-an-image@1.0", "name": "only-in-an-image", "version": "1.0"},
        {"purl": "pkg:pypi/closecast@0.1.0", "name": "closecast", "version": "0.1.0"},
        {"purl": "pkg:deb/debian/tini@0.19.0-1?arch=amd64", "name": "tini", "version": "0.19.0-1"},
    ]
    (tmp_path / "ui.cdx.json").write_text(json.dumps({"components": components}))
    assert vulnerabilities(["--images"]) == 2
    assert "ui.cdx.json: 1 Debian packages are not looked up here" in capsys.readouterr().out
    assert "only-in-an-image" in service.asked
    assert "closecast" not in service.asked


def test_a_service_that_does_not_answer_is_no_clean_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LOCKS", SMALL)
    monkeypatch.setenv("CLOSECAST_ADVISORIES", "http://127.0.0.1:9/v1/query")
    with pytest.raises(
        OperatorError,
        match=r"nothing is known of any vulnerability: pip-audit got no answer from http://127\.0\.0\.1:9",
    ):
        vulnerabilities([])
