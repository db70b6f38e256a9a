"""Files that the user names."""

import json
import os
from pathlib import Path
from typing import Any

from closecast.cli.errors import CommandError


def named_by_user(text: str) -> Path:
    """The path that a user typed; a relative one counts from the folder of the command.

    That is the current one, or the one that `just` says, which runs commands in the project's.
    """
    return Path(os.environ.get("CLOSECAST_INVOCATION_DIR", "."), Path(text).expanduser()).resolve()


def write_text(named: str, text: str, option: str) -> Path:
    """Write `text` over the file `named`, the value of `--<option>`. Raises CommandError if it cannot be written."""
    path = named_by_user(named)
    try:
        path.write_text(text)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {error.strerror}", f"name another file after --{option}"
        ) from error
    return path


def write_json(named: str, content: Any, option: str, indent: int = 1) -> Path:
    """Write `content` as JSON, as `write_text` does."""
    return write_text(named, json.dumps(content, indent=indent, default=str), option)
