"""The smoke test of a real API, in a process of its own beside PostgreSQL and Valkey."""

import sys
from collections.abc import Iterator

import pytest

from closecast.models.deal_model import DealModel
from ops.api.smoke import smoke
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
