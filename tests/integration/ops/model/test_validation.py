"""Two commits of this repository, measured by their own code."""

import subprocess
from pathlib import Path

import pytest

from ops import paths
from ops.errors import OperatorError
from ops.model.validation import model_validation

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]
ROUNDS = "rounds = int(np.argmin(losses)) + 1"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a branch `worse`, on which a model takes the number of rounds with the greatest loss."""
    folder = tmp_path / "clone"
    _git(paths.PROJECT, "clone", "--quiet", "--no-hardlinks", str(paths.PROJECT), str(folder))
    _git(folder, "checkout", "--quiet", "-B", "main")
    _git(folder, "checkout", "--quiet", "-b", "worse")
    file = folder / "closecast" / "models" / "forward.py"
    text = file.read_text()
    assert ROUNDS in text
    file.write_text(text.replace(ROUNDS, ROUNDS.replace("argmin", "argmax")))
    _git(folder, "commit", "--quiet", "--all", "--message", "Take the worst rounds")
    monkeypatch.setattr(paths, "PROJECT", folder)
    return folder


def _git(folder: Path, *arguments: str) -> None:
    author = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_worse_model_is_told_with_a_paired_interval(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # when
    out = tmp_path / "comment.md"
    status = model_validation(["--base", "main", "--head", "worse", "--source", "synthetic:3000", "--out", str(out)])
    # then
    text = out.read_text()
    assert text in capsys.readouterr().out
    assert status == 2, text
    assert "| 30 days | 2017-07-01 |" in text
    assert "| **worse** |" in text
    assert "The gate would promote the model before the change." in text
    assert "**The gate would refuse the model after the change:**" in text
    assert text.count("| candidate |") == 2
    # then no work tree is left
    listed = subprocess.run(["git", "worktree", "list"], cwd=clone, capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1


@pytest.mark.usefixtures("clone")
def test_what_cannot_be_compared_is_told() -> None:
    with pytest.raises(OperatorError, match="git knows no commit 'nowhere'"):
        model_validation(["--base", "nowhere"])
    with pytest.raises(OperatorError, match="HEAD has nothing that worse lacks"):
        model_validation(["--base", "worse"])
    with pytest.raises(OperatorError, match=r"`evaluate` fails with the code of that commit: .*no file"):
        model_validation(["--source", "file:/nowhere.csv"])
