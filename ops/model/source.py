"""The platform's own source of data."""

import json
from pathlib import Path

from closecast.platform.settings import SOURCE_VARIABLE
from ops import paths
from ops.prefect.pipeline import Prefect


def own_source(prefect: Prefect) -> str | None:
    """The platform's source; None before the first `up` has set one."""
    found = prefect.variable(SOURCE_VARIABLE)
    return None if found is None else str(found)


def set_own_source(prefect: Prefect, source: str) -> None:
    """Make `source` the platform's: scheduled runs, and all without a source, read it from now on."""
    if own_source(prefect) != source:
        prefect.set_variable(SOURCE_VARIABLE, source)


def carry_over(prefect: Prefect) -> None:
    """Migrate from an earlier version, whose source was only that of the last training of `up`."""
    used = paths.state() / "source.json"
    if own_source(prefect) is None and used.exists():
        set_own_source(prefect, json.loads(used.read_text())["source"])


def is_gone(source: str) -> bool:
    """Whether `source` is a file that is not there."""
    kind, _, path = source.partition(":")
    return kind == "file" and not Path(path).exists()
