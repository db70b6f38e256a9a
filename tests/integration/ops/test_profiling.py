"""`just profile` draws a flame graph of a running process of a job, and of a command of the library."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ops import profiling
from tests.waiting import until

pytestmark = pytest.mark.integration
ALLOCATION = "0b6d5c1e-aaaa-bbbb-cccc-000000000000"
BUSY = """
import subprocess, sys
def busy_in_the_child():
    while True: sum(range(1000))
def busy_in_the_service():
    while True: sum(range(1000))
if len(sys.argv) == 1:
    subprocess.Popen([sys.executable, __file__, "child"])
    print("ready", flush=True)
    busy_in_the_service()
busy_in_the_child()
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process as Nomad starts one, with a child of its own."""
    file = tmp_path / "busy.py"
    file.write_text(BUSY)
    environment = {**os.environ, "NOMAD_ALLOC_ID": ALLOCATION}
    process = subprocess.Popen([sys.executable, str(file)], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    until(lambda: len(psutil.Process(process.pid).children()) == 1)
    children = psutil.Process(process.pid).children()
    yield process
    for child in children:
        child.kill()
    process.kill()
    process.wait()


def test_a_service_is_found_by_its_allocation_and_drawn_with_its_children(
    service: "subprocess.Popen[str]", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    if not _may_look_into_others():
        pytest.skip("for want of the account: only root may sample a process that is no child here")
    assert profiling.python_of({ALLOCATION}, "api") == service.pid
    # when
    file = tmp_path / "profiles" / "api.svg"
    assert profiling.of_process(service.pid, 2, file) == 0
    # then
    drawn = file.read_text()
    assert "<svg" in drawn
    assert "busy_in_the_service" in drawn
    assert "busy_in_the_child" in drawn
    assert service.poll() is None
    assert f"open it in a browser: {file}" in capsys.readouterr().out


def _may_look_into_others() -> bool:
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    return os.geteuid() == 0 or not scope.exists() or scope.read_text().strip() == "0"


def test_a_command_of_the_library_is_drawn_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(profiling, "FOLDER", tmp_path / "profiles")
    assert profiling.profile(["check", "synthetic:3000"]) == 0
    assert "a model can be trained on it" in capfd.readouterr().out
    (file,) = (tmp_path / "profiles").iterdir()
    assert file.name.startswith("check-")
    assert "(closecast/cli/check.py" in file.read_text()
