"""The operator's commands in terminals that are not UTF-8, in pipes, and where no colour is wanted: real commands, real locales."""

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[4]
_LOCALES = (
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LANGUAGE",
    "PYTHONIOENCODING",
    "PYTHONUTF8",
    "CLOSECAST_ENCODING",
    "CLOSECAST_STARTED",
    "FORCE_COLOR",
    "NO_COLOR",
)
_LATIN_1 = {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONCOERCECLOCALE": "0"}
SPEAKERS = [
    ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "ascii"),
    ({"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "ascii"),
    ({"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"}, "ascii"),
    ({"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "iso-8859-1"}, "iso-8859-1"),
    (_LATIN_1, "iso-8859-1"),
    ({"LC_ALL": "C"}, "utf-8"),
    ({"LC_ALL": "C.UTF-8"}, "utf-8"),
]


@pytest.fixture(scope="session")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A folder with the locale de_DE.ISO-8859-1; None where the system cannot make it."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        return None
    made = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / _LATIN_1["LC_ALL"])]
    subprocess.run(made, capture_output=True, check=False)
    return folder if (folder / _LATIN_1["LC_ALL"]).exists() else None


def _environment(speaker: dict[str, str], locales: Path | None) -> dict[str, str]:
    if speaker is _LATIN_1:
        if locales is None:
            pytest.skip("this system cannot make the locale de_DE.ISO-8859-1")
        speaker = {**speaker, "LOCPATH": str(locales)}
    return {name: value for name, value in os.environ.items() if name not in _LOCALES} | speaker


@pytest.mark.parametrize(("speaker", "encoding"), SPEAKERS)
def test_doctor_speaks_what_the_terminal_can_show(
    speaker: dict[str, str], encoding: str, locales: Path | None, tmp_path: Path
) -> None:
    # given a Terraform that warns as it does, and another program's stray byte
    terraform = tmp_path / "terraform"
    terraform.write_bytes(
        '#!/bin/sh\necho "╷ Warning: Dateien fehlen für"  >&2\nprintf "\\374" >&2\necho \'{"terraform_version": "1.11.4"}\'\n'.encode()
    )
    terraform.chmod(0o755)
    environment = _environment(speaker, locales)
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    # when
    done = subprocess.run(
        [sys.executable, "-m", "ops", "doctor"], cwd=PROJECT, env=environment, capture_output=True, check=False
    )
    # then
    printed = done.stdout.decode(encoding)
    assert done.stderr == b"", done.stderr
    assert f"{'✓' if encoding == 'utf-8' else '+'} Terraform 1.11.4 at {terraform}" in printed
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize(("speaker", "encoding"), SPEAKERS)
def test_names_are_written_as_well_as_can_be(
    speaker: dict[str, str], encoding: str, locales: Path | None, tmp_path: Path
) -> None:
    # given a deal's names, in a table as `predict` and `demo` print it, and an error that quotes them
    script = tmp_path / "script.py"
    script.write_text(
        "from ops.cli import terminal; terminal.adopt()\n"
        "import sys; from closecast.cli.predict import print_table\n"
        "print_table([{'opportunity_id': 'Ä1', 'probability': 0.5, 'sales_agent': 'José Łuk', 'account': '漢字', 'product': 'x'}])\n"
        "print('“José” is not an agent', file=sys.stderr)\n"
        "sys.stdout.write(open('/dev/null').encoding)\n",
        encoding="utf-8",
    )
    environment = {**_environment(speaker, locales), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, check=False)
    printed, said = done.stdout.decode(encoding), done.stderr.decode(encoding)
    expected = {
        "ascii": ("A1", "Jose ?uk", "??", '"Jose" is not'),
        "iso-8859-1": ("Ä1", "José ?uk", "??", '"José" is not'),
        "utf-8": ("Ä1", "José Łuk", "漢字", "“José” is not"),
    }[encoding]
    assert all(words in printed for words in expected[:3]), (printed, said)
    assert said.startswith(expected[3])
    assert printed.lower().endswith("utf-8"), "files are read and written in UTF-8 whatever the terminal speaks"
    assert b"\x1b" not in done.stdout + done.stderr


def _on_a_terminal(command: list[str], environment: dict[str, str]) -> str:
    master, slave = pty.openpty()
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    written = b""
    try:
        while part := os.read(master, 65_536):
            written += part
    except OSError:  # how Linux says that the other side has closed
        pass
    process.wait(60)
    os.close(master)
    return written.decode()


@pytest.mark.parametrize("command", [["./just"], ["./just", "status"]])
def test_no_colour_where_none_is_wanted(command: list[str], tmp_path: Path) -> None:
    colour = r"\x1b\[[0-9;]*[34][0-7]m"
    environment = {
        **_environment({"LC_ALL": "C.UTF-8"}, None),
        "TERM": "xterm-256color",
        "CLOSECAST_STATE": str(tmp_path),
    }
    python = [sys.executable, *command]
    # given that a terminal gets colours
    if command == ["./just"]:
        assert re.search(colour, _on_a_terminal(python, environment))
    # then not where NO_COLOR is set, and nothing but text in a pipe
    assert not re.search(colour, _on_a_terminal(python, {**environment, "NO_COLOR": "1"}))
    piped = subprocess.run(python, cwd=PROJECT, env=environment, capture_output=True, check=False)
    assert b"\x1b" not in piped.stdout + piped.stderr


def test_no_colour_in_the_table_of_services() -> None:
    code = (
        "from ops.cli import terminal; terminal.adopt()\n"
        "from ops.cli import summary; from ops.nomad import agent, jobs; from pathlib import Path\n"
        "from ops.setup.binaries import Binary; from ops.nomad.cluster import Cluster\n"
        "jobs.healths = lambda *_: {'api': jobs.Health('api', False, 'check “ready” of api fails', 'http://x', 2)}\n"
        "summary.services(Cluster('http://127.0.0.1:9', ''), agent.Agent(Path('/nowhere'), 1), Binary('Nomad', Path('/n'), '1', 'PATH'))\n"
    )
    environment = {**_environment({"LC_ALL": "C.UTF-8"}, None), "TERM": "xterm-256color"}
    command = [sys.executable, "-c", code]
    assert "\x1b[31m" in _on_a_terminal(command, environment)
    assert "\x1b[31m" not in _on_a_terminal(command, {**environment, "NO_COLOR": "1"})
