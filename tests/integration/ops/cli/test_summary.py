"""What `status` prints."""

from pathlib import Path

import pytest

from ops.cli import summary
from ops.nomad.agent import Agent
from ops.nomad.cluster import Cluster
from ops.setup.binaries import Binary
from tests.http_double import Double


def test_status_says_that_tls_is_missing(
    double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    nomad = Binary("Nomad", tmp_path / "nomad", "1.11.3", "PATH")
    assert not summary.services(Cluster(double.address, "token"), Agent(tmp_path, 4646), nomad)
    printed = capsys.readouterr().out
    assert "Gateway" not in printed
    assert "no gateway, so no TLS: there is no Caddy 2.10 or newer here" in printed
