"""What happens before anything is started: arguments, paths, checks of the machine, the Python environment, one clear message."""

import ast
import errno
import os
import runpy
import shutil
import stat
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import ops
from ops import caddy_binary, cli, doctor, environment, nomad_binary, paths, preflight, tools
from ops.binaries import Binary
from ops.errors import OperatorError
from ops.source import parse_source


def _executable(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize("module", ops.STDLIB_ONLY)
def test_the_first_stage_imports_the_standard_library_alone(module: str) -> None:
    # given the modules that run before the environment exists, and what they import at their top
    tree = ast.parse((paths.PROJECT / "ops" / f"{module}.py").read_text())
    named = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    named |= {str(node.module) for node in tree.body if isinstance(node, ast.ImportFrom)}
    # then each is of the standard library, of the first stage itself, or the finder of provider mirrors
    for name in named:
        top, _, rest = name.partition(".")
        own = top == "ops" and (not rest or rest in ops.STDLIB_ONLY)
        assert top in sys.stdlib_module_names or own or name == "services.bucket_mirror.providers", name


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("kaggle:x", "the source 'kaggle:x' is not known"),
        ("synthetic:0", "is not known"),
        ("", "is not known"),
        ("file:", "is not known"),
        ("file:/absent.csv", "there is no file /absent.csv"),
        ("file:/", "is not a file"),
    ],
)
def test_a_source_that_cannot_be_is_refused(source: str, words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        parse_source(source)


def test_a_relative_file_counts_from_where_the_user_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deals.csv").write_text("x")
    monkeypatch.setenv("CLOSECAST_INVOCATION_DIR", str(tmp_path))
    assert parse_source("file:deals.csv") == f"file:{tmp_path / 'deals.csv'}"
    assert parse_source(None) is None
    assert parse_source("synthetic:50") == "synthetic:50"


def test_the_state_lies_where_the_account_of_postgres_can_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOSECAST_STATE", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert paths.state().parent == Path("/var/lib/closecast")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert paths.state() == paths.PROJECT / ".closecast" / "state"


def test_each_failure_is_one_message_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(error: BaseException) -> int:
        def dispatch(_arguments: list[str]) -> int:
            raise error

        monkeypatch.setattr(cli, "_dispatch", dispatch)
        return cli.run(["up"])

    assert fail(OperatorError("it is so", "do this")) == 1
    assert capsys.readouterr().err == "closecast: it is so\n  remedy: do this\n"
    assert fail(KeyboardInterrupt()) == 130
    assert "nothing is lost" in capsys.readouterr().err
    assert fail(OSError(errno.ENOSPC, "No space left on device", "/data/x")) == 1
    assert "the disk is full (/data/x)" in capsys.readouterr().err
    with pytest.raises(PermissionError):
        fail(PermissionError(errno.EACCES, "denied"))


def test_a_machine_that_can_get_no_caddy_is_told_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a machine with everything but Caddy, and no way to it
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLOSECAST_CADDY_RELEASES", "http://127.0.0.1:9")
    monkeypatch.setattr(cli, "_prepare", lambda: None)
    nomad = Binary("Nomad", tmp_path / "nomad", "1.11.3", "PATH")
    monkeypatch.setattr(nomad_binary, "find_or_install", lambda: nomad)
    # when
    cli._get_programs_and_environments()
    # then
    printed = capsys.readouterr().out
    assert "using Nomad 1.11.3" in printed
    assert "no gateway, so no TLS" in printed
    assert "the release could not be downloaded" in printed
    assert caddy_binary.find() is None


def test_tests_get_what_they_need_and_are_told_what_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a machine with nothing, and no way to it
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))
    for name in ("NOMAD", "CADDY"):
        monkeypatch.setenv(f"CLOSECAST_{name}_RELEASES", "http://127.0.0.1:9")
    prepared: list[bool] = []
    monkeypatch.setattr(cli, "_prepare", lambda development: prepared.append(development))
    # when
    assert cli.run(["environment", "--dev", "--programs"]) == 0
    # then
    printed = capsys.readouterr().out
    assert prepared == [True]
    for title in ("Nomad", "Caddy"):
        assert f"without {title} its tests are skipped: there is no {title}" in printed
    assert "the release could not be downloaded" in printed


def test_an_unknown_command_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(environment, "is_active", lambda: True)
    assert cli.run(["upp"]) == 1
    assert "there is no command 'upp'" in capsys.readouterr().err


def test_output_that_nobody_reads_on_is_no_error() -> None:
    command = f"{sys.executable} -c 'import sys; from ops.cli import run; sys.exit(run([\"doctor\"]))' | true"
    done = subprocess.run(["bash", "-c", command], cwd=paths.PROJECT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("state")
def test_doctor_names_what_is_missing_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CLOSECAST_CACHE", str(tmp_path / "cache"))
    assert doctor.doctor() == 1
    printed = capsys.readouterr().out
    assert "there is no terraform on PATH\n  remedy: install Terraform 1.11" in printed
    assert "there is no Go on PATH" in printed


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('echo \'{"terraform_version": "1.9.8"}\'', "Terraform 1.9.8 .* is too old"),
        ("echo no", "does not tell its version"),
    ],
)
def test_a_terraform_that_will_not_do_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, words: str
) -> None:
    _executable(tmp_path, "terraform", script)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(OperatorError, match=words):
        preflight._terraform()


def test_a_mirror_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _executable(tmp_path / "bin", "terraform", 'echo \'{"terraform_version": "1.12.0"}\'')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("CLOSECAST_TERRAFORM_MIRROR", str(tmp_path))
    with pytest.raises(OperatorError, match="CLOSECAST_TERRAFORM_MIRROR names"):
        preflight._terraform()


@pytest.mark.usefixtures("state")
def test_a_disk_that_is_nearly_full_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: type("Usage", (), {"free": 100 * 2**20})())
    with pytest.raises(OperatorError, match="only 100 MB are free"):
        preflight._disk()


def test_root_is_warned_of_a_folder_that_postgres_cannot_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv("CLOSECAST_STATE", str(closed / "state"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(OperatorError, match="is closed to other users"):
        preflight._state()


def test_another_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    with pytest.raises(OperatorError, match="is not supported"):
        preflight._python()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('echo "error: No space left on device (os error 28)" >&2; exit 1', "is full"),
        ('echo "Hash mismatch for httpx" >&2; exit 1', "could not be made from the lock: Hash mismatch for httpx"),
        ("kill -9 $$", "was ended by signal 9"),
    ],
)
def test_an_installation_that_fails_says_why(tmp_path: Path, script: str, words: str) -> None:
    # given an installer, here a double that fails as uv does
    uv = _executable(tmp_path, "uv", script)
    # then
    with pytest.raises(OperatorError, match=words):
        environment._run([str(uv), "pip", "install"])


def test_an_environment_is_ready_for_its_own_lock_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given an installer that succeeds
    uv = _executable(tmp_path / "bin", "uv", "exit 0")
    monkeypatch.setattr(environment, "tool", lambda _name: str(uv))
    monkeypatch.setattr(environment, "compile_installed", lambda _python: None)  # it installs nothing
    lock = tmp_path / "lock.txt"
    lock.write_text("httpx==1 --hash=sha256:0")
    (tmp_path / "venv").mkdir()
    made = environment.Environment(tmp_path / "venv", lock)
    assert not made.is_ready()
    # when
    made.prepare()
    # then
    assert made.is_ready()
    lock.write_text("httpx==2 --hash=sha256:0")
    assert not made.is_ready()


def test_tools_come_from_path_and_a_failed_installation_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    just = _executable(tmp_path / "bin", "just", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert tools.tool("just") == str(just)
    monkeypatch.setattr(tools, "_BIN", tmp_path / "none" / "bin")
    monkeypatch.setattr(subprocess, "run", lambda *_a, **_k: subprocess.CompletedProcess([], 1, "", "no index\n"))
    monkeypatch.setattr(venv, "create", lambda *_a, **_k: None)
    with pytest.raises(OperatorError, match="pip could not install just and uv: no index"):
        tools.tool("uv")


def test_the_wrapper_can_be_executed() -> None:
    assert (paths.PROJECT / "just").stat().st_mode & stat.S_IXUSR


def test_the_wrapper_refuses_another_python_in_words_that_one_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a machine with Python 3.9 alone
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CLOSECAST_PYTHON", raising=False)
    wrapper = runpy.run_path(str(paths.PROJECT / "just"))
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    # then
    with pytest.raises(SystemExit, match=r"Python 3\.9 at .* is not supported; Closecast needs Python 3\.11 to 3\.14"):
        wrapper["use_supported_python"]()
