"""A folder of files that belong together: the tables of deals in it, one below the other."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from closecast.deals.mapping import history
from closecast.deals.mapping.document import FileFormat
from closecast.deals.mapping.proposal import propose
from closecast.deals.reading.export import ENDINGS
from closecast.deals.reading.table import Layout, RawTable
from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.mapped import DETECTED, check_size, read_table


def is_data(name: str) -> bool:
    """Whether a file of this name is an export; names that begin with a point or an underscore are no data."""
    return name.lower().endswith(ENDINGS) and name[0] not in "._"


def files_in(folder: Path) -> list[Path]:
    """The export files in `folder`, by name."""
    return sorted(path for path in folder.iterdir() if is_data(path.name) and path.is_file())


def contents_of(folder: Path) -> dict[str, bytes]:
    """The bytes of the export files in `folder`, by name. Raises OSError, and SourceError where they are too large."""
    paths = files_in(folder)
    check_size(sum(path.stat().st_size for path in paths), f"the folder {folder}")
    return {path.name: path.read_bytes() for path in paths}


def read_files(contents: Mapping[str, bytes], what: str, written: FileFormat = DETECTED) -> tuple[RawTable, str]:
    """The deals of all files that have the columns of deals, and a SHA-256 of the files' names and bytes.

    `contents` are the files' bytes by name, and `what` is what they are called in a message, for example "the folder
    /data". Rows are numbered through all files. Files with other columns, and the deals' stage history, are beside them.
    All are `written` alike. Raises SourceError where no file is an export, for one that cannot be read, and for deals in
    tables of differing columns.
    """
    digest, tables = hashlib.sha256(), {}
    for name, content in contents.items():
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\0".encode())
        tables[name] = read_table(content, f"the file {name} of {what}", written)
    deals = {name: table for name, table in tables.items() if _has_deals(table)}
    deals = {name: table for name, table in deals.items() if not _is_history(name, table, deals)}
    if not deals:
        raise SourceError(f"{what} has no file with the columns of deals among {', '.join(tables) or 'its files'}")
    columns = {name: tuple(table.frame.columns) for name, table in deals.items()}
    first = next(iter(columns))
    if other := next((name for name in columns if set(columns[name]) != set(columns[first])), None):
        raise SourceError(f"{what} has deals in {first} and {other} with differing columns; name one of the files")
    beside = {name: table for name, table in tables.items() if name not in deals}
    return replace(_joined(deals), beside=beside), digest.hexdigest()


def _has_deals(table: RawTable) -> bool:
    if set(RAW_COLUMNS) <= set(table.frame.columns):
        return True
    document = propose(table).document
    return {"stage", "created", "closed"} <= set(document["columns"])


def _is_history(name: str, table: RawTable, deals: dict[str, RawTable]) -> bool:
    """Whether a table is the stage history of another one, which has the columns of deals too."""
    for other in deals.values():
        columns = propose(other).document["columns"] if set(other.frame.columns) != set(table.frame.columns) else {}
        if {"opportunity_id", "stage"} <= set(columns):
            identifiers, stages = (other.frame[columns[use]].str.strip() for use in ("opportunity_id", "stage"))
            if history.find({name: table}, identifiers, stages).columns:
                return True
    return False


def _joined(tables: dict[str, RawTable]) -> RawTable:
    frames, aside, before = [], [], 0
    for table in tables.values():
        frames.append(table.frame.set_axis(table.frame.index + before))
        aside += [replace(one, row=one.row + before) for one in table.set_aside]
        before += table.last_row
    layout = next(iter(tables.values())).layout
    form = f"{len(tables)} file{'s' * (len(tables) > 1)} ({', '.join(tables)}; {layout.form})"
    return RawTable(pd.concat(frames), Layout(form, layout.header_row), tuple(aside))
