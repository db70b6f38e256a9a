"""An ordinary account of the machine, for tests that try what it can reach."""

import os
import subprocess


def ordinary(*command: str) -> str:
    """Run `command` as an account that owns nothing of the platform and holds no secret; what it wrote to standard output.

    As root that is `nobody`; else the caller's own account, with nothing of its environment.
    """
    other = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "NO_PROXY": "*"}
    done = subprocess.run(
        [*other, *command], env=environment, cwd="/", capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout


def asked(*arguments: str) -> tuple[int, str]:
    """Status and body of curl's request, as that account; 0 where no answer came."""
    text = ordinary("curl", "--silent", "--max-time", "30", "--write-out", "\n%{http_code}", *arguments)
    body, _, status = text.rpartition("\n")
    return int(status or 0), body
