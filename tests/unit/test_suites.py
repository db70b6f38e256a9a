"""The suites keep their rules: unit tests start no server, rooms mirror the code, tests use public names."""

import ast
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.clusters import scheduler
from tests.servers.processes import PROJECT, free_port, running

TESTS = PROJECT / "tests"
# What others call by such a name: MLflow the entry of a model's loader, and its own signature of a webhook.
NOT_OURS = {"_load_pyfunc", "_generate_hmac_signature"}


def test_a_unit_test_that_would_start_a_server_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port)]
    with (
        pytest.raises(pytest.fail.Exception, match="unit tests start no server"),
        running(command, {}, f"http://127.0.0.1:{port}", tmp_path),
    ):
        pass
    assert not (tmp_path / "server.log").exists()
    with pytest.raises(pytest.fail.Exception, match="unit tests start no server"), scheduler(monkeypatch):
        pass
    with pytest.raises(pytest.fail.Exception, match="unit tests start no server"):
        ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)


def test_every_server_of_the_tests_is_started_where_that_is_refused() -> None:
    # given what the fixtures of servers have in common
    files = list((TESTS / "servers").glob("*.py"))
    assert len(files) > 3
    starting = [
        node.name
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(one, ast.Attribute) and one.attr == "Popen" for one in ast.walk(node))
    ]
    # then one function starts them all, and that one refuses
    assert starting == ["running"]


@pytest.mark.parametrize("suite", ["unit", "integration"])
def test_every_room_is_one_of_the_codes(suite: str) -> None:
    rooms = {file.parent.relative_to(TESTS / suite) for file in (TESTS / suite).rglob("test_*.py")}
    assert len(rooms) > 20
    missing = [room for room in rooms if not any((PROJECT / base / room).is_dir() for base in (".", "closecast"))]
    assert missing == []


def _private(tree: ast.Module) -> Iterator[str]:
    """Names with an underscore that are imported, or replaced by their text; Ruff (SLF001) refuses those that are read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (one.name for one in node.names if _is_private(one.name))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr":
            texts = [one.value for one in node.args[:2] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            yield from (part for text in texts for part in text.split(".") if _is_private(part))


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def test_no_test_imports_or_replaces_a_private_name() -> None:
    found = {str(file.relative_to(TESTS)): set(_private(ast.parse(file.read_text()))) for file in TESTS.rglob("*.py")}
    assert len(found) > 200
    assert {file: names - NOT_OURS for file, names in found.items() if names - NOT_OURS} == {}
