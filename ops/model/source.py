"""The source of the data: the user's argument, and the platform's own source."""

import json
import os
from pathlib import Path

from closecast.platform.settings import SOURCE_VARIABLE
from closecast.platform.sources.folder import files_in
from ops import paths
from ops.cli.arguments import SOURCES
from ops.errors import OperatorError
from ops.prefect.pipeline import Prefect


def parse_source(named: str | None) -> str | None:
    """Convert the source `named` to the form that flows accept (a file by its absolute path); None stays None.

    A relative path is relative to the folder the user typed the command in. Raises OperatorError for anything else,
    before a minute is spent on starting services.
    """
    if named is None or named in ("synthetic", "kaggle") or named.startswith("s3://"):
        return named
    kind, _, rest = named.partition(":")
    if kind == "synthetic" and rest.isdecimal() and int(rest) > 0:
        return named
    if kind == "kaggle" and rest.count("/") == 1:
        return named
    if kind == "file" and rest:
        return f"file:{_existing_file(rest)}"
    raise OperatorError(f"the source {named!r} is not known", f"use {SOURCES}")


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


def _existing_file(named: str) -> Path:
    path = paths.named_by_user(named)
    if not path.exists():
        raise OperatorError(
            f"there is no file {path}", "check the path; a relative one counts from the folder you are in"
        )
    if path.is_dir() and os.access(path, os.R_OK | os.X_OK) and files_in(path):
        return path
    if not path.is_file():
        raise OperatorError(
            f"{path} is no export", "name the CRM's file itself, or a folder of CSV, Excel or Parquet files"
        )
    if not os.access(path, os.R_OK):
        raise OperatorError(f"{path} cannot be read by this user", f"chmod u+r {path}, or copy it")
    return path
