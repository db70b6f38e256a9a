"""The Docker client."""

import os
import shutil
import subprocess

from ops.errors import OperatorError


def run(*arguments: str, given: bytes | None = None) -> str:
    """Run `docker <arguments>` and return what it printed; `given` goes to its standard input.

    Raises OperatorError with Docker's reason.
    """
    program = shutil.which("docker")
    if program is None:
        raise OperatorError(
            "there is no docker on PATH", "install Docker, or its client and name a daemon in DOCKER_HOST"
        )
    done = subprocess.run(
        [program, *arguments],
        env={**os.environ, "DOCKER_BUILDKIT": "1"},
        input=given or b"",
        capture_output=True,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        raise OperatorError(
            f"docker {arguments[0]} failed: {reason[-1500:]}",
            "mend what it names; `docker info` tells whether the daemon runs",
        )
    return done.stdout.decode(errors="replace").strip()
