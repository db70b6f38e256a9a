"""The smoke test of a real API, in a process of its own beside PostgreSQL and Valkey."""

import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from closecast.models.deal_model import DealModel
from ops.api.smoke import smoke
from ops.deploy import certificates
from ops.errors import OperatorError
from tests.servers.processes import free_port, running
from tests.unit.services.api.conftest import KEY, environment, keep

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def address(
    served_model: DealModel, database_url: str, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("smoked"), free_port()
    keep(served_model, folder)
    names = {
        "CLOSECAST_DATABASE_URL": database_url,
        "CLOSECAST_CACHE_URL": valkey_url,
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
    }
    base, away = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "services.api"]
    with running(command, environment(folder, away) | names, f"{base}/health/ready", folder):
        yield base


def test_an_api_that_serves_passes(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLOSECAST_API_KEY", KEY)
    assert smoke([address]) == 0
    assert "gave a deal a chance of" in capsys.readouterr().out


def test_a_key_that_opens_nothing_does_not_pass(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECAST_API_KEY", "wrong")
    with pytest.raises(OperatorError, match="the API answered 401"):
        smoke([address])


def test_a_certificate_of_nobody_known_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a server with a certificate of an authority of its own
    monkeypatch.setenv("CLOSECAST_API_KEY", KEY)
    authority = certificates.authority("nobody")
    own = certificates.signed(authority, ["localhost"])
    (tmp_path / "own.pem").write_text(own.certificate + own.key)
    (tmp_path / "authority.pem").write_text(authority.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"https://localhost:{server.server_port}"
        # when / then it is not waited for
        with pytest.raises(OperatorError, match=r"is not signed by anybody whom this machine trusts"):
            smoke([address, "--wait", "1h"])
        # and whom --ca names is trusted
        with pytest.raises(OperatorError, match="was not ready within 0 s"):
            smoke([address, "--wait", "0s", "--ca", str(tmp_path / "authority.pem")])
        server.shutdown()
