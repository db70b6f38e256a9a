"""The command `docs`."""

import subprocess
import sys

from ops import paths
from ops.cli.arguments import Arguments
from ops.docs import licences
from ops.errors import OperatorError

_VERBS = (None, "serve", "licences")


def docs(arguments: list[str]) -> int:
    """Build the site of the documents into .closecast/site, and fail on every warning, such as a dead link."""
    given = (
        Arguments("docs", docs.__doc__)
        .place(
            "verb", "serve: show it on this machine, and build again on each change; licences: write their table", "?"
        )
        .given(arguments)
    )
    if given.verb not in _VERBS:
        raise OperatorError(
            f"docs knows no {given.verb!r}", "write `just docs`, `just docs serve` or `just docs licences`"
        )
    if given.verb == "licences":
        return licences.write()
    if given.verb == "serve":
        return _mkdocs("serve", "--no-strict")  # while one writes, a link may lead nowhere yet
    site = paths.LOCAL / "site"
    # Not with --quiet: MkDocs counts no warning that it does not print.
    status = _mkdocs("build", "--strict", "--site-dir", str(site))
    if status == 0:
        print(f"the site is in {site.relative_to(paths.PROJECT)}: open its index.html, or `just docs serve`")
    return status


def _mkdocs(*arguments: str) -> int:
    command = [sys.executable, "-m", "mkdocs", *arguments]
    try:
        return subprocess.run(command, cwd=paths.PROJECT, check=False).returncode
    except KeyboardInterrupt:
        return 0  # how `serve` ends
