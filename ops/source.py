"""The source of the data: the arguments `source=…` and `as_of=…` of `up` and `train`, and the platform's own source."""

import json
import os
from datetime import date
from pathlib import Path

from closecast.platform.settings import SOURCE_VARIABLE
from ops import paths
from ops.errors import OperatorError
from ops.pipeline import Prefect

_KINDS = "synthetic, synthetic:<rows>, file:<path to CSV or Parquet>, s3://<bucket>/<key> or kaggle[:<owner>/<dataset>]"


def parse_data(arguments: list[str]) -> tuple[str | None, date | None]:
    """The source as `parse_source` gives it, and the date of the export; None where it was not named.

    Raises OperatorError for anything else.
    """
    dates = [argument.partition("=")[2] for argument in arguments if argument.startswith("as_of=")]
    try:
        as_of = date.fromisoformat(dates[-1]) if dates else None
    except ValueError:
        raise OperatorError(f"as_of={dates[-1]} is no date", "write the date of the export as YYYY-MM-DD") from None
    return parse_source([argument for argument in arguments if not argument.startswith("as_of=")]), as_of


def parse_source(arguments: list[str]) -> str | None:
    """The source in the form the flow takes (a file by its absolute path), or None when none was named.

    A relative path counts from the folder the user typed the command in. Raises OperatorError for anything else, before
    a minute is spent on starting services.
    """
    source = None
    for argument in arguments:
        name, separator, value = argument.partition("=")
        if name != "source" or not separator or not value:
            raise OperatorError(f"{argument!r} is not an argument of this command", f"write source=<…> with {_KINDS}")
        source = value
    if source is None or source in ("synthetic", "kaggle") or source.startswith("s3://"):
        return source
    kind, _, rest = source.partition(":")
    if kind == "synthetic" and rest.isdecimal() and int(rest) > 0:
        return source
    if kind == "kaggle" and rest.count("/") == 1:
        return source
    if kind == "file" and rest:
        return f"file:{_existing_file(rest)}"
    raise OperatorError(f"the source {source!r} is not known", f"use {_KINDS}")


def own_source(prefect: Prefect) -> str | None:
    """The platform's source, as flows see it; None before the first `up` has set one."""
    found = prefect.variable(SOURCE_VARIABLE)
    return None if found is None else str(found)


def set_own_source(prefect: Prefect, source: str) -> None:
    """Make `source` the platform's: scheduled runs, and all that name none, read it from now on."""
    if own_source(prefect) != source:
        prefect.set_variable(SOURCE_VARIABLE, source)


def carry_over(prefect: Prefect) -> None:
    """A platform of an earlier version knew its source only by the last training of `up`: that becomes its own."""
    used = paths.state() / "source.json"
    if own_source(prefect) is None and used.exists():
        set_own_source(prefect, json.loads(used.read_text())["source"])


def is_gone(source: str) -> bool:
    """Whether `source` is a file that is not there."""
    kind, _, path = source.partition(":")
    return kind == "file" and not Path(path).exists()


def _existing_file(named: str) -> Path:
    path = Path(os.environ.get("CLOSECAST_INVOCATION_DIR", "."), Path(named).expanduser()).resolve()
    if not path.exists():
        raise OperatorError(
            f"there is no file {path}", "check the path; a relative one counts from the folder you are in"
        )
    if not path.is_file():
        raise OperatorError(f"{path} is not a file", "name the CSV file of the CRM export itself")
    if not os.access(path, os.R_OK):
        raise OperatorError(f"{path} cannot be read by this user", f"chmod u+r {path}, or copy it")
    return path
