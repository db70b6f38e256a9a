"""An export as its owner's CRM wrote it, brought into the contract's columns by a mapping."""

from collections.abc import Mapping as Mappings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import pandas as pd

from closecast.deals.mapping import history, teams
from closecast.deals.mapping.apply import apply
from closecast.deals.mapping.document import DateOrder, FileFormat, HistoryColumns, Mapping, MappingError, write
from closecast.deals.mapping.proposal import propose
from closecast.deals.reading import export as reading
from closecast.deals.reading.table import RawTable, SetAside, UnreadableError
from closecast.deals.stages import HISTORY
from closecast.deals.vocabulary import RAW_COLUMNS, TEAM_COLUMNS
from closecast.platform.printable import printable
from closecast.platform.sources.errors import MappingNeededError, SourceError

LARGEST = 1 << 30  # bytes
DETECTED = FileFormat()


@dataclass(frozen=True)
class MappedTable:
    """The contract's columns as text, and how they came about; `mapping` is None where the export has them itself."""

    frame: pd.DataFrame
    table: RawTable
    mapping: Mapping | None
    set_aside: tuple[SetAside, ...]
    notes: tuple[str, ...]
    rows: pd.Index  # of the deals of `frame`, in the file
    is_given: bool = False  # whether the user named the mapping
    created: DateOrder | None = None  # how the dates of creation are written
    currency: str | None = None  # of the amounts

    def describe(self) -> str:
        """One line: what was read, by which mapping, and what was decided."""
        return "; ".join([self.read_as, *self.decided])

    @property
    def read_as(self) -> str:
        """What was read, and by which mapping."""
        return printable("; ".join([self.table.describe(), *self._by()]))

    @property
    def decided(self) -> list[str]:
        """What was decided, such as how dates are written and which columns are not used; each in a clause."""
        return [printable(note) for note in self.notes]

    @property
    def of_deals(self) -> str | None:
        """The mapping as text, by which single deals of the same CRM are read; None where there is none.

        A single deal does not say whether its day or its month comes first: the export has said it.
        """
        if self.mapping is None:
            return None
        order = self.mapping.dates or (None if self.created == "ymd" else self.created)
        return write(msgspec.structs.replace(self.mapping, dates=order))

    def _by(self) -> list[str]:
        if self.mapping is None:
            return []
        if self.is_given:
            return ["mapped as you said"]
        return [f"mapped by the profile {self.mapping.name}" if self.mapping.name else "mapped by names and values"]


def read_table(content: bytes, what: str, written: FileFormat = DETECTED) -> RawTable:
    """The table in `content`, which is `written` so; `what` begins the message, for example "the file /data/sales.csv".

    Raises SourceError.
    """
    check_size(len(content), what)
    try:
        return reading.read(content, written.encoding, written.delimiter, written.sheet)
    except UnreadableError as error:
        raise SourceError(f"{what} {error}") from error


def check_size(size: int, what: str) -> None:
    """Raises SourceError for more bytes than are read."""
    if size > LARGEST:
        raise SourceError(
            f"{what} has {size >> 20:,} MB, and at most {LARGEST >> 20:,} MB are read; export the columns of the deals "
            "alone, or as Parquet"
        )


def mapped(table: RawTable, what: str, mapping: Mapping | None = None) -> MappedTable:
    """`table` in the contract's columns: by `mapping`, else as it is where it has them, else by a certain proposal.

    The stage history of the deals, where a table beside them is one, is added as the column HISTORY, and those of
    TEAM_COLUMNS that the export or a table of the agents beside it has. Raises MappingNeededError where there is something to ask, and SourceError where the mapping does not fit.
    """
    if mapping is None and set(RAW_COLUMNS) <= set(table.frame.columns):
        # A column of that name in the file itself is none of ours.
        frame = table.frame.drop(columns=HISTORY, errors="ignore").reset_index(drop=True)
        as_it_is = MappedTable(frame, table, None, table.set_aside, (), table.frame.index)
        return _with_history(_with_teams(as_it_is), what)
    is_given = mapping is not None
    if mapping is None:
        proposal = propose(table)
        if not proposal.is_certain:
            raise MappingNeededError(questions(what, [one.text for one in proposal.questions]))
        mapping = proposal.mapping
    try:
        done = apply(table, mapping)
    except MappingError as error:
        raise SourceError(f"{what} does not fit the mapping: {error}") from error
    deals, rows = done.frame.reset_index(drop=True), done.frame.index
    read = MappedTable(
        deals, table, mapping, done.set_aside, tuple(done.notes), rows, is_given, done.order, done.currency
    )
    return _with_history(_with_teams(read), what)


def _with_teams(read: MappedTable) -> MappedTable:
    """Add managers and regions of the agents, where the deals have none and a table beside them does."""
    if set(read.frame.columns) & set(TEAM_COLUMNS):
        return read
    found = teams.find(read.table.beside, read.frame["sales_agent"])
    if found is None:
        return read
    table, notes = read.table.without(found.name), (*read.notes, found.note)
    return replace(read, frame=found.joined(read.frame), table=table, notes=notes)


def _with_history(read: MappedTable, what: str) -> MappedTable:
    """Add the deals' stage histories, where a table beside them has them."""
    table, mapping = read.table, read.mapping
    columns = mapping.history if mapping else None
    if columns is None:
        names = mapping.columns if mapping else None
        stages = table.frame[names.stage if names else "deal_stage"].str.strip()
        found = history.find(table.beside, read.frame["opportunity_id"], stages)
        if found.question:
            raise MappingNeededError(questions(what, [found.question]))
        columns = found.columns
    if columns is None:
        return read
    name = _file(columns, table.beside, what)
    try:
        done = history.apply(table.beside[name], msgspec.structs.replace(columns, file=name), mapping, read.frame)
    except MappingError as error:
        raise SourceError(f"{what} does not fit the mapping: {error}") from error
    frame = read.frame if done.texts is None else read.frame.assign(**{HISTORY: done.texts})
    return replace(read, frame=frame, table=table.without(name), notes=(*read.notes, done.note))


def _file(columns: HistoryColumns, beside: Mappings[str, RawTable], what: str) -> str:
    """The file that is the stage history of the mapping. Raises SourceError where there is none, or more than one."""
    fitting = [
        name
        for name, table in beside.items()
        if columns.file in (None, name) and columns.used().keys() <= set(table.frame.columns)
    ]
    if len(fitting) == 1:
        return fitting[0]
    named = columns.file or "its columns"
    found = f"{', '.join(fitting)} have them" if fitting else f"there are {', '.join(beside) or 'no other files'}"
    raise SourceError(
        f"{what} has no one stage history with {named}, as the mapping says: {found}; name it as history.file"
    )


def questions(what: str, asked: Sequence[str]) -> str:
    """The message with everything that only the user can say."""
    return (
        f"{what} needs a mapping, because it does not say: {' '.join(f'({at}) {one}' for at, one in enumerate(asked, 1))} "
        "Write one by the command `map`, answer there, and name it with --mapping"
    )
