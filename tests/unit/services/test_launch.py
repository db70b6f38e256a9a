"""What stands between Nomad's root and a service: it gives up everything, and no file of a service's can make it do otherwise."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.setup import runtime
from tests.servers.processes import PROJECT
from tests.skips import OF_ACCOUNT

LAUNCH = PROJECT / "services" / "launch.py"
ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason=f"{OF_ACCOUNT} only root has anything to give up")
_OF_THE_AGENT = "/home/of-the-agent"  # no service's business
_TOLD = """
import grp, json, os, pathlib
status = dict(line.split(":\\t") for line in pathlib.Path("/proc/self/status").read_text().splitlines() if ":\\t" in line)
print(json.dumps({"uid": os.getresuid(), "gid": os.getresgid(), "groups": os.getgroups(), "home": os.environ.get("HOME"), "temporary": os.environ.get("TMPDIR"),
                  "no_new_privileges": status["NoNewPrivs"], "capabilities": status["CapEff"], "umask": status["Umask"]}))
"""


def launched(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # An interpreter that the account can run too.
    command = [runtime.interpreter(), "-I", str(LAUNCH), *arguments]
    inherited = {"PATH": os.environ["PATH"], "HOME": _OF_THE_AGENT}
    return subprocess.run(command, cwd=cwd, env=inherited | environment, capture_output=True, text=True, check=False)


@pytest.fixture
def task() -> Iterator[Path]:
    """A task's folder as Nomad leaves it: open to everybody."""
    # Not where pytest keeps its folders: those are closed to other accounts.
    folder = Path(tempfile.mkdtemp(prefix="closecast-launch-"))
    for name in ("local", "secrets", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name).chmod(0o777)
    folder.chmod(0o777)
    (folder / "told.py").write_text(_TOLD)
    yield folder
    shutil.rmtree(folder)


@as_root
def test_root_is_given_up_for_good(task: Path) -> None:
    done = launched(
        "nobody", str(task / "told.py"), cwd=task, NOMAD_TASK_DIR=str(task / "local"), TMPDIR=f"{_OF_THE_AGENT}/tmp"
    )
    assert done.returncode == 0, done.stderr
    told, nobody = json.loads(done.stdout), pwd.getpwnam("nobody")
    assert told == {
        "uid": [nobody.pw_uid] * 3,
        "gid": [nobody.pw_gid] * 3,
        "groups": [],
        "home": str(task / "local"),
        "temporary": None,
        "no_new_privileges": "1",
        "capabilities": "0000000000000000",
        "umask": "0077",
    }


@as_root
def test_the_tasks_folders_are_closed_to_everybody_else(task: Path) -> None:
    assert launched("nobody", str(task / "told.py"), cwd=task, NOMAD_TASK_DIR=str(task / "local")).returncode == 0
    for folder in (task, task / "local", task / "secrets", task / "tmp"):
        found = folder.stat()
        assert (found.st_mode & 0o777, found.st_uid) == (0o700, pwd.getpwnam("nobody").pw_uid)


@as_root
@pytest.mark.parametrize("planted", ["csv", "ctypes", "pwd", "os", "encodings", "sitecustomize", "usercustomize"])
def test_nothing_is_imported_from_where_a_service_could_write(planted: str, task: Path) -> None:
    # given what a service leaves in its folder for the next start
    (task / f"{planted}.py").write_text(
        "import pathlib; pathlib.Path('ran').write_text('as ' + str(__import__('posix').geteuid()))"
    )
    (task / "asks.py").write_text("import csv, ctypes, pwd\n")
    # when
    elsewhere = {"PYTHONPATH": str(PROJECT), "PYTHONSTARTUP": f"{planted}.py"}
    done = launched("nobody", str(task / "asks.py"), cwd=task, NOMAD_TASK_DIR=str(task / "local"), **elsewhere)
    # then
    assert done.returncode == 0, done.stderr
    assert not (task / "ran").exists()


@as_root
@pytest.mark.parametrize("name", ["local", "secrets", "tmp"])
def test_a_link_in_the_place_of_a_folder_gives_nothing_away(name: str, task: Path, tmp_path: Path) -> None:
    # given a link to what is root's
    (task / name).rmdir()
    (task / name).symlink_to(tmp_path)
    before = tmp_path.stat()
    # when
    done = launched("nobody", str(task / "told.py"), cwd=task, NOMAD_TASK_DIR=str(task / "local"))
    # then
    assert done.returncode == 1
    assert f"{name} in the task's folder is not a folder" in done.stderr
    assert (tmp_path.stat().st_uid, tmp_path.stat().st_mode) == (before.st_uid, before.st_mode)


@as_root
@pytest.mark.parametrize("account", ["", "root", "no-such-account", "0"])
def test_root_never_stays_root(account: str, task: Path) -> None:
    done = launched(account, str(task / "told.py"), cwd=task)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "account" in done.stderr


@pytest.mark.skipif(ROOT, reason=f"{OF_ACCOUNT} root always becomes somebody else")
def test_anybody_else_stays_who_they_are(task: Path) -> None:
    done = launched("", str(task / "told.py"), cwd=task)
    assert done.returncode == 0, done.stderr
    assert f'"uid": [{os.getuid()}' in done.stdout


def test_what_to_launch_must_be_said(task: Path) -> None:
    done = launched("nobody", cwd=task)
    assert (done.returncode, done.stderr) == (1, "launch: expected an account and a module\n")
