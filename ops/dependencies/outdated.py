"""The command `outdated`: what `just lock --upgrade` would change."""

import tempfile
from pathlib import Path

from closecast.cli.files import write_text
from ops import paths
from ops.cli.arguments import Arguments
from ops.dependencies import pins
from ops.setup.locks import LOCKS, Lock


def outdated(arguments: list[str]) -> int:
    """List newer versions that pyproject.toml allows, as a table in Markdown; exit status 2 when there are any."""
    given = (
        Arguments("outdated", outdated.__doc__)
        .option("out", str, "a file to write the table to as well", value="file")
        .given(arguments)
    )
    changes: dict[tuple[str, str, str], list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="closecast-locks-") as folder:
        for lock in LOCKS:
            for change in _changes(lock, Path(folder)):
                changes.setdefault(change, []).append(lock.file)
    text = table(changes)
    print(text, end="")
    if given.out:
        write_text(given.out, text, "out")
    return 2 if changes else 0


def table(changes: dict[tuple[str, str, str], list[str]]) -> str:
    """Changes, (package, version, newer version), and the locks that have them, in Markdown."""
    if not changes:
        return "Every lock has the newest versions that pyproject.toml allows.\n"
    rows = [
        f"| {name} | {now} | {newer} | {', '.join(locks)} |" for (name, now, newer), locks in sorted(changes.items())
    ]
    head = ["| package | locked | newest allowed | lock |", "|---|---|---|---|"]
    return "\n".join([f"{len(changes)} newer versions; `just lock --upgrade` takes them.", "", *head, *rows, ""])


def _changes(lock: Lock, folder: Path) -> list[tuple[str, str, str]]:
    """What a lock made anew has otherwise."""
    file = folder / Path(lock.file).name
    file.unlink(missing_ok=True)
    lock.compile(file)
    before, after = (_versions(one) for one in (paths.PROJECT / lock.file, file))
    return [(name, before[name], after[name]) for name in before if name in after and before[name] != after[name]]


def _versions(file: Path) -> dict[str, str]:
    """By name; a lock may have several versions of a package, for different Pythons."""
    found: dict[str, list[str]] = {}
    for name, version in sorted(pins.of_lock(file)):
        found.setdefault(name, []).append(version)
    return {name: " or ".join(versions) for name, versions in found.items()}
