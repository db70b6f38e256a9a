"""A command line ends in one message and an exit status."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from ops import paths, up
from ops.cli import dispatch
from ops.errors import OperatorError
from ops.setup import caddy_binary, doctor, environment, nomad_binary, preflight
from ops.setup.binaries import Binary


class Ready:
    """A Python environment that is there, or is made when it is asked for."""

    folder, lock = Path(".venv"), Path("lock.txt")

    def __init__(self, is_it: bool = True) -> None:
        self._is_it = is_it

    def is_ready(self) -> bool:
        return self._is_it

    def prepare(self) -> None:
        self._is_it = True


def test_each_failure_is_one_message_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(error: BaseException) -> int:
        def failing() -> int:
            raise error

        monkeypatch.setattr(doctor, "doctor", failing)
        return dispatch.run(["doctor"])

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
    monkeypatch.setattr(preflight, "require", lambda: None)
    monkeypatch.setattr(environment, "runtime_is_ready", lambda: True)
    monkeypatch.setattr(environment, "LOCALSTACK", Ready())
    active = iter([False, True])
    monkeypatch.setattr(environment, "is_active", lambda: next(active))
    monkeypatch.setattr(up, "up", lambda _rest: 0)
    nomad = Binary("Nomad", tmp_path / "nomad", "1.11.3", "PATH")
    monkeypatch.setattr(nomad_binary, "find_or_install", lambda: nomad)
    # when
    assert dispatch.run(["up"]) == 0
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
    development = Ready(is_it=False)
    monkeypatch.setattr(environment, "DEVELOPMENT", development)
    monkeypatch.setattr(environment, "LOCALSTACK", Ready())
    # when
    assert dispatch.run(["environment", "--dev", "--programs"]) == 0
    # then
    printed = capsys.readouterr().out
    assert development.is_ready()
    for title in ("Nomad", "Caddy"):
        assert f"without {title} its tests are skipped: there is no {title}" in printed
    assert "the release could not be downloaded" in printed


def test_an_unknown_command_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(environment, "is_active", lambda: True)
    assert dispatch.run(["upp"]) == 1
    assert "there is no command 'upp'" in capsys.readouterr().err


def test_output_that_nobody_reads_on_is_no_error() -> None:
    command = f"{sys.executable} -c 'import sys; from ops.cli.dispatch import run; sys.exit(run([\"doctor\"]))' | true"
    done = subprocess.run(["bash", "-c", command], cwd=paths.PROJECT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
