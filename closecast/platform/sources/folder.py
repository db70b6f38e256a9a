"""A folder of files that belong together: the tables of deals in it, one below the other."""

import hashlib
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


def files_in(folder: Path) -> list[Path]:
    """The export files in `folder`, by name. Names that begin with a point or an underscore are no data."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.name[0] not in "._"]
    return sorted(path for path in found if path.is_file())


def read_folder(folder: Path, written: FileFormat = DETECTED) -> tuple[RawTable, str]:
    """The deals of all files in `folder` that have the columns of deals, and a SHA-256 of the files' names and bytes.

    Rows are numbered through all files. Files with other columns, and the deals' stage history, are beside them. All are `written`
    alike. Raises
    SourceError for a folder without an export, a file that cannot be read, and deals in tables of differing columns.
    """
    what = f"the folder {folder}"
    paths = files_in(folder)
    check_size(sum(path.stat().st_size for path in paths), what)
    digest, tables = hashlib.sha256(), {}
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.name}\0{hashlib.sha256(content).hexdigest()}\0".encode())
        tables[path.name] = read_table(content, f"the file {path}", written)
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
