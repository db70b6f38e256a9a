"""Reads the YAML file that the user named."""

from pathlib import Path
from typing import Any

from ops.errors import OperatorError


def read_yaml(file: Path, remedy: str) -> Any:
    """The content of `file`. Raises OperatorError, which quotes none of it: the file may have secrets."""
    import msgspec

    try:
        return msgspec.yaml.decode(file.read_bytes())
    except OSError as error:
        raise OperatorError(f"{file} cannot be read: {error.strerror}", "name a file that is there") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OperatorError(f"{file} is not YAML", remedy) from error
