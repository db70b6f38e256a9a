"""Prefect's server and worker, shared by the tests of one module; each leaves them running."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prefects import Prefects, prefects


@pytest.fixture(scope="module")
def prefect(server_folder: Path) -> Iterator[Prefects]:
    folder = server_folder / f"prefects-{secrets.token_hex(4)}"
    folder.mkdir()
    with prefects(folder) as found:
        found.worker.start()
        yield found
