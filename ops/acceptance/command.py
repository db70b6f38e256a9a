"""The command `acceptance`."""

import os
import re
import signal
import subprocess
import time
from datetime import date
from pathlib import Path
from typing import Literal

from closecast.platform.runtime import provenance
from ops import paths
from ops.acceptance import requirements, results
from ops.acceptance.requirements import Requirement
from ops.acceptance.results import Result
from ops.cli.arguments import Arguments
from ops.cli.progress import say
from ops.errors import OperatorError
from ops.nomad.session import connect

LOGS = paths.LOCAL / "acceptance"
_SECONDS = 3 * 3_600  # after which a command is ended


def acceptance(arguments: list[str]) -> int:
    """Run the commands that show what Closecast must do, and write docs/acceptance.md; exit status 1 if one failed.

    By default those that need no running platform.
    """
    wanted = Arguments("acceptance", acceptance.__doc__)
    wanted.flag("platform", "run those that use the platform that is up instead")
    given = wanted.option("only", str, "an area, or <area>/<id>", value="area").given(arguments)
    known = requirements.load()
    chosen = _chosen(known, given.only, "platform" if given.platform else "nothing")
    if given.platform:
        connect()  # says what to do when it is down
    found = results.read()
    failed = 0
    for one in chosen:
        result = run(one)
        say(f"{one.name} {result.outcome}: {result.printed or one.says} ({result.seconds:.0f} s)")
        failed += result.outcome == "failed"
        # After each, so that what has run is kept when the rest is interrupted.
        found = {**found, one.name: result}
        results.write(known, found)
    say(f"{len(chosen) - failed} passed, {failed} failed; {results.PAGE.relative_to(paths.PROJECT)} is written")
    return 1 if failed else 0


def _chosen(known: tuple[Requirement, ...], only: str | None, needs: str) -> list[Requirement]:
    named = [one for one in known if only is None or only.lower() in (one.area.lower(), one.name.lower())]
    if not named:
        raise OperatorError(
            f"{only!r} is neither an area nor a requirement", f"name one of {', '.join(requirements.AREAS)}"
        )
    chosen = [one for one in named if one.needs == needs]
    if not chosen:
        how = "without --platform" if needs == "platform" else "with --platform, after `just up`"
        raise OperatorError(f"nothing of {only!r} runs this way", f"run it {how}")
    return chosen


def run(requirement: Requirement) -> Result:
    """Run the command of `requirement`; its output goes to a file in LOGS."""
    log = LOGS / f"{requirement.name.replace('/', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    commit, begin = _commit(), time.monotonic()
    say(f"{requirement.name}: {requirement.shown}")
    status = _ended(requirement.command, log)
    seconds = time.monotonic() - begin
    printed = re.findall(requirement.figure, log.read_text(errors="replace")) if requirement.figure else []
    outcome: Literal["passed", "failed"] = "failed"
    if status != 0:
        said = f"exit status {status}; its output is in {log.relative_to(paths.PROJECT)}"
    elif requirement.figure and not printed:
        said = f"it ended well, and nothing that it printed is like {requirement.figure}"
    else:
        outcome, said = "passed", printed[-1] if printed else ""
    return Result(requirement.shown, outcome, said, date.today(), commit, round(seconds, 1))


def _commit() -> str:
    """The commit that is checked out, and whether other files than those of the results differ from it."""
    commit = provenance.git_commit(paths.PROJECT)
    if commit is None:
        return "unknown"
    own = [f":!{file.relative_to(paths.PROJECT)}" for file in (results.FILE, results.PAGE)]
    asked = ["git", "status", "--porcelain", "--untracked-files=no", "--", ".", *own]
    changed = subprocess.run(asked, cwd=paths.PROJECT, capture_output=True, check=True).stdout.strip()
    return commit.removesuffix("-dirty")[:12] + (" changed" if changed else "")


def _ended(command: list[str], log: Path) -> int:
    """The exit status of `command`, which is ended with all that it started when its time is over, or on Ctrl-C."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=paths.PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(timeout=_SECONDS)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                return process.returncode
            raise
