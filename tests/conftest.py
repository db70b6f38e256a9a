"""What tests of every room share: real servers, and the real data where it is to be had."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from closecast.platform.runtime.logs import JsonLines, with_request

pytest_plugins = [
    "tests.http_double",
    "tests.models",
    "tests.package_index",
    "tests.servers.processes",  # before those that import it: pytest rewrites the asserts of what it loads itself
    "tests.servers.localstack",
    "tests.servers.databases",
    "tests.servers.mlflow",
    "tests.servers.prefect",
    "tests.shadow_stage",
    "tests.skips",
    "tests.spread",
]

# How long one example takes says more of the neighbours than of the code.
for _name, _examples in (("closecast", 100), ("quick", 20)):  # `./just test unit` takes the quick one
    settings.register_profile(
        _name, max_examples=_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
settings.load_profile("closecast")

_LONGEST_ID = 60  # characters of one parameter


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long text by its length: every process of a run escapes the ids of all tests, and a failure prints one."""
    if isinstance(val, str | bytes) and len(val) > _LONGEST_ID:
        return f"{argname} of {len(val)}"
    return None


_REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "crm"


@pytest.fixture(scope="session")
def real_export() -> Path:
    """The publisher's sales_pipeline.csv; the test is skipped where it is absent."""
    path = _REAL_DATA / "sales_pipeline.csv"
    if not path.exists():
        pytest.skip("the real export ../shared/data/crm/sales_pipeline.csv is not on this machine")
    return path


@pytest.fixture(scope="session")
def real_raw(real_export: Path) -> pd.DataFrame:
    """Its rows as text, missing values as empty text."""
    return pd.read_csv(real_export, dtype=str, keep_default_na=False)


Logged = Callable[[], list[dict[str, Any]]]


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []
        self.setFormatter(JsonLines())
        self.addFilter(with_request)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def logged() -> Iterator[Logged]:
    """What this process has logged since the test began, each line as its JSON says."""
    kept, root = _Kept(), logging.getLogger()
    ours = [logging.getLogger(name) for name in ("closecast", "services", "flows")]
    before = [logger.level for logger in ours]
    root.addHandler(kept)
    for logger in ours:
        logger.setLevel(logging.INFO)
    yield lambda: list(kept.lines)
    root.removeHandler(kept)
    for logger, level in zip(ours, before, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What tests that wait run on, as the service does."""
    return "asyncio"
