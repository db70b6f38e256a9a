"""Which Python the environments are made with."""

import sys

import pytest

from ops.errors import OperatorError
from ops.setup import preflight


def test_another_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    with pytest.raises(OperatorError, match="is not supported"):
        preflight.python()
