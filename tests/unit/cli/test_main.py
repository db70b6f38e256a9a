"""The program `closecast`: help, the commands that it has, and what it says of those that it has not."""

import subprocess
import sys

import pytest

import closecast
from closecast.cli import main
from closecast.cli.errors import CommandError
from tests.servers.processes import PROJECT


def test_help_lists_the_commands_and_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([]) == main.run(["--help"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: closecast <command>")
    assert all(f"\n  {name} " in printed for name in main.COMMANDS)
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"closecast {closecast.__version__}\n"


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.run([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: closecast {name} ")


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_refuses_what_it_does_not_take(name: str) -> None:
    with pytest.raises(CommandError, match=f"closecast {name}: "):
        main.run([name, "a", "b", "--nonsense"])


def test_a_terminal_that_lacks_a_sign_gets_another() -> None:
    command = [sys.executable, "-m", "closecast.cli.main", "--help"]
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert done.stdout.startswith(b"usage: closecast <command> ?\n")


def test_an_error_is_one_message_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["closecast", "chek"])
    assert main.main() == 1
    assert capsys.readouterr().err == (
        "closecast: there is no command 'chek'\n"
        "  remedy: use one of check, map, evaluate, train, predict; `closecast --help`\n"
    )
