"""schemathesis against the whole description of the running service, with PostgreSQL and Valkey: all checks, no failure."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from closecast.models.deal_model import DealModel
from tests.servers.processes import free_port, running
from tests.unit.services.api.conftest import KEY, environment, keep

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def described(
    served_model: DealModel, database_url: str, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("described"), free_port()
    keep(served_model, folder)
    unlimited = ",".join(f"{role}=999999999/10" for role in ("viewer", "scorer", "admin"))
    names = {
        "CLOSECAST_DATABASE_URL": database_url,
        "CLOSECAST_CACHE_URL": valkey_url,
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_RATE_LIMITS": unlimited,
    }
    base, away = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "services.api"]
    with running(command, environment(folder, away) | names, f"{base}/health/ready", folder):
        yield f"{base}/schema/openapi.json"


def test_every_route_keeps_its_description(described: str, tmp_path: Path) -> None:
    """The command rather than the plug-in for pytest: it follows links between routes, and shrinks over all of them."""
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file",
        str(CONFIGURATION),
        "run",
        described,
        "--header",
        f"X-API-Key: {KEY}",
        "--checks",
        "all",
        "--max-examples",
        "40",
        "--seed",
        "1",
        "--continue-on-failure",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=840)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
