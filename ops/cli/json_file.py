"""Writes what a command found to the JSON file that the user named."""

import json
from pathlib import Path
from typing import Any

from ops.errors import OperatorError
from ops.paths import named_by_user


def write_json(named: str, content: Any, option: str, indent: int = 1) -> Path:
    """Write `content` over the file `named`, the value of `--<option>`. Raises OperatorError if it cannot be written."""
    path = named_by_user(named)
    try:
        path.write_text(json.dumps(content, indent=indent, default=str))
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be written: {error.strerror}", f"name another file after --{option}"
        ) from error
    return path
