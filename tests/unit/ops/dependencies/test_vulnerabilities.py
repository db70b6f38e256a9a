"""What is accepted says why, and until when."""

from pathlib import Path

import pytest

from ops.dependencies import vulnerabilities as command
from ops.errors import OperatorError


@pytest.mark.parametrize(
    "entry",
    ["- GHSA-1", "- { id: GHSA-1, why: x }", "- { id: GHSA-1, why: x, until: soon }", "- { id: a, unknown: b }"],
)
def test_an_entry_that_is_not_complete_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    file = tmp_path / "advisories.yaml"
    file.write_text(entry)
    monkeypatch.setattr(command, "ACCEPTED", file)
    with pytest.raises(OperatorError, match=r"policies/advisories\.yaml is not as its comment says"):
        command.vulnerabilities([])
