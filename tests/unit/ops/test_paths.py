"""Where the state lies."""

import os
from pathlib import Path

import pytest

from ops import paths


def test_the_state_lies_where_the_account_of_postgres_can_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOSECAST_STATE", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert paths.state().parent == Path("/var/lib/closecast")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert paths.state() == paths.PROJECT / ".closecast" / "state"
