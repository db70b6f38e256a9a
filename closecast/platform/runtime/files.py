"""Atomic writes of private files."""

import os
import threading
from pathlib import Path


def write_whole(file: Path, content: str) -> None:
    """Write a file atomically, readable by its owner only; the folder is created if absent. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_native_id()}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(content)
    partial.replace(file)
