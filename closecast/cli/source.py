"""The source of the data, as the user named it."""

import os
from pathlib import Path

from closecast.cli.arguments import SOURCES
from closecast.cli.errors import CommandError
from closecast.cli.files import named_by_user
from closecast.platform.sources.folder import files_in


def parse_source(named: str | None) -> str | None:
    """Convert the source `named` to the form that sources are read by (a file by its absolute path); None stays None.

    A relative path is relative to the folder the user typed the command in. Raises CommandError for anything else,
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
        return f"file:{existing_file(rest)}"
    raise CommandError(f"the source {named!r} is not known", f"use {SOURCES}")


def existing_file(named: str) -> Path:
    """The export that a user named, a file or a folder of them. Raises CommandError."""
    path = named_by_user(named)
    if not path.exists():
        raise CommandError(
            f"there is no file {path}", "check the path; a relative one counts from the folder you are in"
        )
    if path.is_dir() and os.access(path, os.R_OK | os.X_OK) and files_in(path):
        return path
    if not path.is_file():
        raise CommandError(
            f"{path} is no export", "name the CRM's file itself, or a folder of CSV, Excel or Parquet files"
        )
    if not os.access(path, os.R_OK):
        raise CommandError(f"{path} cannot be read by this user", f"chmod u+r {path}, or copy it")
    return path
