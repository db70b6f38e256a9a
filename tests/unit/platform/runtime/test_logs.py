"""Every line of a log is one JSON object, a library's too; nothing in it moves a terminal."""

import json
import subprocess
import sys

import pytest

CODE = """
import logging
from closecast.platform.runtime import logs
logs.configure(in_background={background})
logs.request_id.set("request-1")
logging.getLogger("closecast.ours").info("ours", extra={{"number": 1, "path": {hostile!r}}})
logging.getLogger("a.library").warning("%s is not understood\\n", "this")
logging.getLogger("a.library").info("nothing that matters")
try:
    raise ValueError("too bad")
except ValueError:
    logging.getLogger("services.ours").exception("failed", extra={{"request_id": "request-2"}})
"""
HOSTILE = "a\x1b[2J\x7f\x9b\u202e\u200b\ufeff\u2028\U000e0041é"


@pytest.mark.parametrize("background", [True, False])
def test_each_line_says_who_what_and_for_which_request(background: bool) -> None:
    # when
    code = CODE.format(background=background, hostile=HOSTILE)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # then
    assert done.stdout == ""
    assert all(line.isascii() and line.isprintable() for line in done.stderr.splitlines())
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert all(line.pop("time").endswith("+00:00") for line in lines)
    assert "ValueError: too bad" in lines[-1].pop("traceback")
    first = {"level": "info", "logger": "closecast.ours", "event": "ours", "number": 1, "path": HOSTILE}
    assert lines == [
        {**first, "request_id": "request-1"},
        {"level": "warning", "logger": "a.library", "event": "this is not understood", "request_id": "request-1"},
        {"level": "error", "logger": "services.ours", "event": "failed", "request_id": "request-2"},
    ]
