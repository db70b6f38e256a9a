"""Linux only: on any other system every command ends with one message, before anything is made, fetched or started.

The commands are real processes. What makes their system another one is read by their interpreter before anything of ours
(`sitecustomize`): it tells another name, lacks what that system's Python lacks, and ends the process at the first folder,
connection or program that it would make.
"""

import ast
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops.cli import commands
from ops.errors import OperatorError
from ops.paths import PROJECT
from ops.setup import preflight

_BEGAN = 99
_DISGUISE = """\
import os, platform, shutil, signal, socket, subprocess, sys

LACKS = {{
    "darwin": ["os.sched_.*", "os.SCHED_.*", "os.memfd_create", "os.pidfd_open", "os.posix_fadvise", "socket.SOCK_SEQPACKET"],
    "win32": ["os.sched_.*", "os.SCHED_.*", "os.memfd_create", "os.getuid", "os.geteuid", "os.uname", "os.chown", "os.fork",
              "signal.SIGKILL", "socket.AF_UNIX", "fcntl", "pwd", "grp", "resource", "termios"],
}}
MADE = ("os.mkdir", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "socket.connect", "os.rename", "os.remove")

def ends_at_the_first_effect(event, arguments):
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if event in MADE or writes:
        os.write(2, f"it began: {{event}} {{arguments!r}}\\n".encode())
        os._exit({began})

import re
sys.platform = {name!r}
platform.machine = lambda: {machine!r}
for lack in LACKS.get({name!r}, []):
    module, _, pattern = lack.partition(".")
    if not pattern:
        sys.modules[module] = None
        continue
    for attribute in [one for one in vars(sys.modules[module]) if re.fullmatch(pattern, one)]:
        delattr(sys.modules[module], attribute)
sys.addaudithook(ends_at_the_first_effect)
"""
_UP = [["-m", "ops", "up"], ["just", "up"]]
_ALL = [["-m", "ops", name] for name in sorted({*commands.COMMANDS, "up", "doctor", "environment"})]


def _run_as(name: str, machine: str, arguments: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    (folder / "sitecustomize.py").write_text(_DISGUISE.format(name=name, machine=machine, began=_BEGAN))
    environment = {
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "CLOSECAST_STATE": str(folder / "state"),
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("arguments", [*_ALL, ["-m", "ops"], ["just"], ["just", "up"]], ids=" ".join)
def test_on_macos_every_command_says_that_it_needs_linux(arguments: list[str], tmp_path: Path) -> None:
    done = _run_as("darwin", "arm64", arguments, tmp_path)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert re.fullmatch(
        r"closecast: macOS is not supported; Closecast runs on Linux \(x86_64 or aarch64\)\n"
        r"  remedy: .*Linux virtual machine.*brew install lima.*\n",
        done.stderr,
    )


@pytest.mark.parametrize("arguments", _UP, ids=" ".join)
@pytest.mark.parametrize(
    ("name", "machine", "problem", "remedy"),
    [
        ("win32", "AMD64", "Windows is not supported; Closecast runs on Linux", "`wsl --install`"),
        ("cygwin", "x86_64", "Cygwin is not supported; Closecast runs on Linux", "`wsl --install`"),
        ("freebsd14", "amd64", "freebsd14 is not supported; Closecast runs on Linux", "in a Linux virtual machine"),
        ("linux", "riscv64", "Linux on riscv64 is not supported; Closecast runs on x86_64 or aarch64", "64-bit"),
        ("linux", "armv7l", "Linux on armv7l is not supported; Closecast runs on x86_64 or aarch64", "64-bit"),
    ],
)
def test_other_systems_are_refused_by_name(
    name: str, machine: str, problem: str, remedy: str, arguments: list[str], tmp_path: Path
) -> None:
    done = _run_as(name, machine, arguments, tmp_path)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    first, second = done.stderr.splitlines()
    assert first.startswith(f"closecast: {problem}")
    assert remedy in second


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_linux_goes_on(machine: str, tmp_path: Path) -> None:
    # The disguise ends the process as soon as it makes anything: so it went past the message.
    done = _run_as("linux", machine, ["-m", "ops", "environment"], tmp_path)
    assert done.returncode == _BEGAN, (done.stdout, done.stderr)


def test_doctor_tells_the_system_it_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert preflight.CHECKS[0]() == f"Linux {platform.machine()}"
    monkeypatch.setattr(platform, "machine", lambda: "ppc64le")
    assert isinstance(next(preflight.findings()), OperatorError)


@pytest.mark.parametrize(
    "file",
    ["just", "ops/__init__.py", "ops/__main__.py", "ops/setup/__init__.py", "ops/setup/system.py", "ops/errors.py"],
)
def test_an_old_python_can_read_what_tells_it_so(file: str) -> None:
    """macOS and older systems come with one: the system is told before the version is."""
    ast.parse((PROJECT / file).read_text(), feature_version=(3, 6))
