"""The command `test-programs`: packages of Debian and Ubuntu that tests use, and that a user's machine does not need."""

import os
import shutil
import subprocess

from ops.cli.arguments import nothing
from ops.cli.progress import step
from ops.errors import OperatorError

# Packages to install where the program is missing.
PACKAGES = {
    "chromedriver": ("chromium", "chromium-driver", "python3-venv"),
    "curl": ("curl",),
    "java": ("openjdk-17-jdk-headless",),
    "mvn": ("maven",),
    "dot": ("graphviz",),
    "prometheus": ("prometheus",),
    "prometheus-alertmanager": ("prometheus-alertmanager",),
    # One of the tests makes images and starts a Docker of its own.
    "debootstrap": ("debootstrap",),
    "dockerd": ("docker.io",),
    "docker-registry": ("docker-registry",),
    "iptables": ("iptables",),
    "psql": ("postgresql",),
    "tini": ("tini",),
}


def install(arguments: list[str]) -> int:
    """Install the packages that tests use and that are missing."""
    nothing("test-programs", install.__doc__, arguments)
    # An ordinary user's PATH may lack the folders of root's programs.
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [name for program, names in PACKAGES.items() if not shutil.which(program, path=path) for name in names]
    if not missing:
        print("every program that the tests use is here")
        return 0
    apt = _apt(missing)
    with step(f"packages {', '.join(missing)}"):
        _run([*apt, "update", "-qq"])
        _run([*apt, "install", "-y", "-qq", "--no-install-recommends", *missing])
    return 0


def _apt(missing: list[str]) -> list[str]:
    """apt-get with root's rights. Raises OperatorError where there is no such thing."""
    if shutil.which("apt-get") is None:
        raise OperatorError(
            f"there is no apt-get on PATH to install {', '.join(missing)}",
            "install what these packages of Debian hold by your system's own means",
        )
    # RUNLEVEL keeps packages from starting services of their own: the tests start these programs themselves.
    command = ["env", "RUNLEVEL=1", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo") is None:
        raise OperatorError(
            f"only root may install {', '.join(missing)}, and there is no sudo", "run `just test-programs` as root"
        )
    return ["sudo", "--non-interactive", *command]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        reason = " ".join((done.stderr or done.stdout).split())[-600:]
        raise OperatorError(f"apt-get failed: {reason}", "mend what it names, then run `just test-programs` again")
