"""LocalStack's own environment, and the script in it that starts LocalStack."""

import importlib.util
from types import ModuleType

import pytest

from tests.servers.localstack import LOCALSTACK_PYTHON
from tests.servers.processes import PROJECT


def loaded() -> ModuleType:
    """The script, which is in no package because LocalStack's own environment runs it."""
    spec = importlib.util.spec_from_file_location("localstack_run", PROJECT / "localstack" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def skip_without_environment() -> None:
    """Skip the test where LocalStack's environment is not installed."""
    if not LOCALSTACK_PYTHON.exists():
        pytest.skip("LocalStack's environment .venv-localstack is not there: `./just test` makes it")
