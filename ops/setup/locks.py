"""Make the hashed locks from pyproject.toml's groups, or check that they are current: `python -m ops.setup.locks`."""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OperatorError
from ops.paths import PROJECT
from ops.setup.tools import tool

_COMMON = (
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--no-header",
    "--quiet",
)


@dataclass(frozen=True)
class Lock:
    """The lock file of one dependency group, with additional constraints."""

    file: str
    group: str
    options: tuple[str, ...] = ()

    def compile(self, output: Path) -> None:
        """Write the lock to `output`; valid pins of an existing `output` are kept."""
        command = [tool("uv"), "pip", "compile", "--group", self.group, *_COMMON, *self.options]
        done = subprocess.run(
            [*command, "--output-file", str(output)],
            cwd=PROJECT,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise OperatorError(
                f"{self.file} cannot be made: {' '.join(done.stderr.split())[-600:]}",
                f"correct the group `{self.group}` in pyproject.toml, or check the connection to the package index",
            )


def _of_image(image: str, group: str | None = None, leave_out: tuple[str, ...] = ()) -> Lock:
    options = ("--constraint", "requirements-dev.txt", *(f"--no-emit-package={package}" for package in leave_out))
    return Lock(f"services/requirements/{image}.txt", group or image, options)


# What the image of the API is without: LightGBM's Python package needs it, and only its library is called; Litestar makes up
# examples and has a command line with it. With it the image would be a third larger.
_NOT_SERVING = (
    "scipy",
    "narwhals",
    "polyfactory",
    "faker",
    "rich-click",
    "rich",
    "pygments",
    "markdown-it-py",
    "mdurl",
)

# Development comes first, so that the tests and the services use the same versions.
LOCKS = (
    Lock("requirements-dev.txt", "dev"),
    Lock("requirements.txt", "runtime", ("--constraint", "requirements-dev.txt")),
    Lock("requirements-tools.txt", "tools", ("--constraint", "requirements-dev.txt")),
    # Newer cbor2 and pyOpenSSL break this LocalStack: its lock has only versions from the time of its release.
    Lock("requirements-localstack.txt", "localstack", ("--exclude-newer", "2025-10-25")),
    Lock("requirements-checks.txt", "checks"),
    _of_image("serving", leave_out=_NOT_SERVING),
    _of_image("ui"),
    _of_image("mlflow"),
    _of_image("flows", "pipeline"),
    _of_image("alerts"),
    _of_image("stores"),
    _of_image("gateway"),
    _of_image("build"),
)


def main(arguments: list[str]) -> int:
    """Make the locks. `--check` writes nothing and fails when one is outdated; `--upgrade` takes new versions."""
    if unknown := [argument for argument in arguments if argument not in ("--check", "--upgrade")]:
        raise OperatorError(f"{unknown[0]!r} is not an argument of this command", "write nothing, --check or --upgrade")
    stale = [lock.file for lock in LOCKS if "--check" in arguments and _differs(lock)]
    if stale:
        raise OperatorError(
            f"not what pyproject.toml gives: {', '.join(stale)}", "run `just lock` and commit the result"
        )
    if "--check" not in arguments:
        for lock in LOCKS:
            if "--upgrade" in arguments:
                (PROJECT / lock.file).unlink(missing_ok=True)
            (PROJECT / lock.file).parent.mkdir(exist_ok=True)
            lock.compile(PROJECT / lock.file)
    _require_plain()
    return 0


def _differs(lock: Lock) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "lock.txt"
        shutil.copyfile(PROJECT / lock.file, copy)
        lock.compile(copy)
        return copy.read_bytes() != (PROJECT / lock.file).read_bytes()


def _require_plain() -> None:
    """Check that locks have only names, versions and hashes: an address would tie every user to one index."""
    for lock in LOCKS:
        if "://" in (PROJECT / lock.file).read_text():
            raise OperatorError(
                f"{lock.file} holds a download address", "depend on a package by its name, not by an address"
            )


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OperatorError as error:
        sys.exit(str(error))
