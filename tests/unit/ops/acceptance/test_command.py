"""`just acceptance`: every command runs though one fails, and the end says so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops import paths
from ops.acceptance import command, requirements, results
from ops.acceptance.requirements import Requirement
from ops.errors import OperatorError

ROWS = (
    Requirement("data", "bad", "It fails", just=("print('3 rows'); raise SystemExit(4)",), prints=r"(\d+ rows)"),
    Requirement("data", "good", "It works", just=("print('2 rows'); print('7 rows')",), prints=r"(\d+ rows)"),
    Requirement("data", "silent", "It says another thing", just=("print('rows')",), prints=r"(\d+ rows)"),
    Requirement("UI", "plain", "It only ends well", just=("pass",)),
    Requirement("UI", "up", "It needs the platform", just=("pass",), needs="platform"),
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose requirements are ROWS, and whose recipes are lines of Python."""
    monkeypatch.setattr(paths, "PROJECT", tmp_path)
    monkeypatch.setattr(command, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(results, "FILE", tmp_path / "acceptance.json")
    monkeypatch.setattr(results, "PAGE", tmp_path / "acceptance.md")
    monkeypatch.setattr(requirements, "load", lambda: ROWS)
    monkeypatch.setattr(Requirement, "command", property(lambda self: [sys.executable, "-c", *self.just]))
    return tmp_path


def test_all_run_though_one_fails(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.acceptance([]) == 1
    found = {name: (one.outcome, one.printed) for name, one in results.read().items()}
    assert found == {
        "data/bad": ("failed", "exit status 4; its output is in logs/data-bad.log"),
        "data/good": ("passed", "7 rows"),
        "data/silent": ("failed", r"it ended well, and nothing that it printed is like (\d+ rows)"),
        "UI/plain": ("passed", ""),
    }
    assert (project / "logs" / "data-bad.log").read_text() == "3 rows\n"
    assert "2 passed, 2 failed; acceptance.md is written" in capsys.readouterr().out
    assert "5 requirements: 2 passed, 2 failed, 1 not run yet." in (project / "acceptance.md").read_text()


def test_a_result_names_the_commit_and_what_differs_from_it(project: Path) -> None:
    # given a clone that has its own results, too
    assert command.run(ROWS[3]).commit == "unknown"
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for name in ("acceptance.json", "acceptance.md", "code"):
        (project / name).write_text("1")
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(project), *arguments], check=True)
    commit = command.run(ROWS[3]).commit
    assert re.fullmatch(r"[0-9a-f]{12}", commit)
    # when
    (project / "acceptance.md").write_text("2")
    assert command.run(ROWS[3]).commit == commit
    (project / "code").write_text("2")
    assert command.run(ROWS[3]).commit == f"{commit} changed"


def test_an_area_or_one_requirement_can_be_chosen_and_other_results_stay() -> None:
    assert command.acceptance(["--only", "data/good"]) == 0
    assert command.acceptance(["--only", "ui"]) == 0
    assert set(results.read()) == {"data/good", "UI/plain"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "sales"], "'sales' is neither an area nor a requirement"),
        (["--only", "UI/up"], "nothing of 'UI/up' runs this way"),
        (["--platform", "--only", "data"], "nothing of 'data' runs this way"),
    ],
)
def test_what_cannot_be_chosen_is_told(arguments: list[str], words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        command.acceptance(arguments)


def test_without_a_platform_nothing_that_needs_it_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECAST_STATE", str(project / "state"))
    with pytest.raises(OperatorError) as caught:
        command.acceptance(["--platform"])
    assert "just up" in caught.value.remedy
    assert results.read() == {}
