"""The code of a commit, in a work tree of its own, and what `evaluate` finds by it."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ops import paths
from ops.errors import OperatorError

_LOCK = "requirements.txt"
# They would lead Python past the work tree, or its environment into this clone's.
_DROPPED = ("PYTHONPATH", "PYTHONSAFEPATH", "VIRTUAL_ENV")
_MEASURED = (0, 2)  # exit statuses of `evaluate`: the gate accepts, or refuses


@dataclass(frozen=True)
class Evaluation:
    """What `just evaluate` wrote: its figures by cut, and the held-out rows."""

    commit: str
    reports: list[dict[str, Any]]
    rows: pd.DataFrame


def commit_of(revision: str) -> str:
    """The commit that `revision` names. Raises OperatorError where git knows of none."""
    return _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", told=f"git knows no commit {revision!r}")


def common(base: str, head: str) -> str:
    """The commit in which `head` left `base`. Raises OperatorError where they have nothing in common."""
    return _git("merge-base", base, head, told=f"{base} and {head} have no commit in common")


@contextmanager
def work_tree(commit: str) -> Iterator[Path]:
    """The files of `commit` in a folder of their own, with the environment of its lock, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="closecast-commit-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), commit, told=f"{commit} cannot be checked out")
        try:
            _prepare(tree, Path(folder))
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree), told=f"{tree} cannot be removed")


def _prepare(tree: Path, folder: Path) -> None:
    """Libraries are part of a model: another lock gets an environment of its own."""
    if (tree / _LOCK).read_bytes() == (paths.PROJECT / _LOCK).read_bytes():
        (tree / paths.VENV.name).symlink_to(paths.VENV)
        return
    python = os.environ.get("CLOSECAST_PYTHON", "python3")
    _run([python, "-m", "ops", "environment"], tree, {"CLOSECAST_STATE": str(folder / "state")}, (0,))


def evaluate(commit: str, arguments: Sequence[str]) -> Evaluation:
    """Measure the model of `commit`, by its own code. Raises OperatorError with its reason."""
    with work_tree(commit) as tree:
        figures, rows = tree.parent / "figures.json", tree.parent / "rows.parquet"
        command = [str(tree / paths.VENV.name / "bin" / "python"), "-X", "utf8", "-m", "ops", "evaluate", *arguments]
        command += ["--json", str(figures), "--rows", str(rows)]
        _run(command, tree, {"CLOSECAST_STATE": str(tree.parent / "state")}, _MEASURED)
        return Evaluation(commit, json.loads(figures.read_text())["evaluations"], pd.read_parquet(rows))


def _run(command: list[str], tree: Path, more: dict[str, str], expected: tuple[int, ...]) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    done = subprocess.run(
        command,
        cwd=tree,
        env={**environment, **more},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode not in expected:
        raise OperatorError(
            f"`{command[command.index('ops') + 1]}` fails with the code of that commit: {done.stderr.strip()[-800:]}",
            "name another --base or --head: both must know `just evaluate --rows`, and their data must be within reach",
        )


def _git(*arguments: str, told: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=paths.PROJECT, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        reason = done.stderr.strip()
        raise OperatorError(
            f"{told}{': ' + reason if reason else ''}", "name a commit of this clone; `git fetch` gets more"
        )
    return done.stdout.strip()
