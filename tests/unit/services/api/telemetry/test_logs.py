"""Every line of the service's log is one JSON object, a library's too."""

import json
import logging

import pytest

from services.api.telemetry.logs import flush, log, relay


@pytest.fixture
def library() -> logging.Logger:
    relay("a.library")
    return logging.getLogger("a.library")


def test_what_a_library_says_is_a_line_of_ours(library: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    # given that what others logged has been written
    flush()
    capsys.readouterr()
    # when
    log("ours", number=1)
    library.warning("%s is not understood\n", "this")
    try:
        raise ValueError("too bad")
    except ValueError as error:
        library.error("failed\n", exc_info=error)
    library.info("nothing that matters")
    flush()
    # then
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [{name: value for name, value in line.items() if name != "time"} for line in lines]
    assert told == [
        {"level": "info", "event": "ours", "number": 1},
        {"level": "warning", "event": "library", "logger": "a.library", "message": "this is not understood"},
        {
            "level": "error",
            "event": "library",
            "logger": "a.library",
            "message": "failed",
            "error": "ValueError: too bad",
        },
    ]


def test_nothing_in_a_line_moves_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    # given
    flush()
    capsys.readouterr()
    hostile = "a\x1b[2J\x7f\x9b\u202e\u200b\ufeff\u2028\U000e0041é"
    # when
    log("ours", path=hostile)
    flush()
    # then
    line = capsys.readouterr().err.rstrip("\n")
    assert line.isprintable()
    assert json.loads(line)["path"] == hostile
