"""The Java libraries that read the model: fetched by the user's own Maven, and compared with what is pinned."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from ops.cli.progress import step
from ops.errors import OperatorError
from ops.paths import PROJECT, cache

FOLDER = PROJECT / "ops" / "pictures"
PINNED = FOLDER / "jars.sha256"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class UnreachableError(OperatorError):
    """Maven could not fetch the libraries."""


def libraries() -> Path:
    """The folder of the libraries, fetched if they are not here yet.

    Raises OperatorError when Maven is missing or fails, and when a library is not the one that is pinned.
    """
    # A new list gets a new folder.
    folder = cache() / f"structurizr-{hashlib.sha256(PINNED.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            step("the libraries that read the model, by Maven"),
            tempfile.TemporaryDirectory(dir=folder.parent) as scratch,
        ):
            fetched = Path(scratch) / "jars"
            _fetch(fetched)
            require_pinned(fetched)
            if not folder.exists():  # another clone may have been faster
                fetched.rename(folder)
    require_pinned(folder)
    return folder


def require_pinned(folder: Path) -> None:
    """Compare the libraries in `folder` with those that are pinned. Raises OperatorError saying which differ."""
    pinned = {name: digest for digest, name in map(str.split, PINNED.read_text(encoding="utf-8").splitlines())}
    found = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.glob("*.jar")}
    if different := sorted(name for name, _ in pinned.items() ^ found.items()):
        raise OperatorError(
            f"in {folder} {', '.join(dict.fromkeys(different))} differ from {PINNED.relative_to(PROJECT)}",
            "delete the folder and run the command again; if they still differ, do not use them, and check what your Maven "
            "fetches from. After a change of pom.xml write the new checksums (`sha256sum *.jar`)",
        )


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise OperatorError(
            "there is no Maven on PATH to fetch the libraries that read the model",
            "install it (Debian: the package maven), or draw on a machine that has it",
        )
    command = [maven, "--quiet", "--batch-mode", "--strict-checksums", "--file", str(FOLDER / "pom.xml"), _COPY]
    done = subprocess.run(
        [*command, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise UnreachableError(
            f"Maven could not fetch the libraries that read the model: {' '.join(done.stdout.split())[:500]}",
            "check the connection to the repository that your Maven's settings.xml names, and run the command again",
        )
