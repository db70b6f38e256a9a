"""An ordinary account of the machine, for tests that try what it can reach."""

import os
import subprocess


def ordinary(*command: str, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run `command` as an account that owns nothing of the platform and holds no secret.

    As root that is `nobody`; else the caller's own account, with nothing of its environment.
    """
    return as_account("nobody" if os.geteuid() == 0 else "", *command, seconds=seconds)


def as_account(account: str, *command: str, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run `command` as `account`, where one is named, with nothing of this process's environment."""
    other = ["runuser", "-u", account, "--"] if account else []
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "NO_PROXY": "*"}
    return subprocess.run(
        [*other, *command], env=environment, cwd="/", capture_output=True, text=True, timeout=seconds, check=False
    )


def asked(*arguments: str, seconds: int = 30) -> tuple[int, str]:
    """Status and body of curl's request, as an ordinary account; 0 where no answer came."""
    limits = ("--silent", "--max-time", str(seconds), "--write-out", "\n%{http_code}")
    done = ordinary("curl", *limits, *arguments, seconds=2 * seconds)
    body, _, status = done.stdout.rpartition("\n")
    return int(status or 0), body
