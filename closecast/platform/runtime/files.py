"""Files that others read while they are written anew."""

import os
import threading
from pathlib import Path


def write_whole(file: Path, content: str) -> None:
    """Write whole or not at all, never readable by others even for a moment; the folder is made if absent. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_native_id()}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(content)
    partial.replace(file)
