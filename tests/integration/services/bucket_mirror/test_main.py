"""The companion's entry point, while LocalStack is not there yet."""

import os
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from closecast.platform.nomad.discovery import wait_for
from closecast.platform.runtime import logs
from services.bucket_mirror import __main__ as entry
from tests.conftest import Logged
from tests.servers.processes import free_port


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The port of a complete environment."""
    port = free_port()
    names = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "CLOSECAST_MIRROR": str(tmp_path / "mirror"),
        "CLOSECAST_TERRAFORM_STATE": str(tmp_path / "terraform"),
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
    }
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    return port


@pytest.fixture
def signals() -> Iterator[None]:
    """A signal that the entry point does not catch goes unheard, and this process gets its own handlers back."""
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def _status(port: int, method: str, path: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_503_until_a_signal_ends_it(
    number: signal.Signals, port: int, tmp_path: Path, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    statuses: list[int] = []
    monkeypatch.setattr(logs, "configure", lambda: None)  # this process is not only the companion's

    def visit() -> None:
        try:
            wait_for(f"tcp://127.0.0.1:{port}", seconds=30)
            statuses.extend([_status(port, "GET", "/health"), _status(port, "POST", "/flush")])
        finally:
            os.kill(os.getpid(), number)

    visitor = threading.Thread(target=visit)
    visitor.start()
    # when
    entry.main()
    visitor.join()
    # then
    assert statuses == [503, 503]
    assert "last copy before the end: LocalStack is not ready" in str(logged())
    assert list((tmp_path / "mirror").iterdir()) == []


@pytest.mark.usefixtures("port")
def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.delenv("CLOSECAST_MIRROR")
    # when / then
    with pytest.raises(SystemExit, match="companion: the environment variable CLOSECAST_MIRROR is not set"):
        entry.main()
