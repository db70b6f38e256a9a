"""One JSON object a line on standard error: what happened, when, and to which request."""

import json
import sys
from datetime import UTC, datetime
from typing import Any


def log(event: str, level: str = "info", **facts: Any) -> None:
    """Write one line; `facts` must be JSON values. Secrets and whole deals do not belong in it."""
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event, **facts}
    print(json.dumps(line, default=str), file=sys.stderr, flush=True)
