"""The table that was read from an export: its cells as text, and the rows that are none of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

MAXIMUM_COLUMNS = 1_000
_EXCERPT = 80  # characters of a row that is set aside


class UnreadableError(ValueError):
    """The content cannot be read as a table; the message completes a sentence that begins with its name."""


@dataclass(frozen=True)
class SetAside:
    """A row that is no deal: its number in the file from 1 on, why, and the beginning of its text."""

    row: int
    reason: str
    text: str

    @classmethod
    def of(cls, row: int, reason: str, cells: Sequence[str]) -> "SetAside":
        """From the row's cells."""
        return cls(row, reason, " ".join(" ".join(cells).split())[:_EXCERPT])


def set_aside(frame: pd.DataFrame, reason: str) -> list[SetAside]:
    """All rows of `frame`, set aside for `reason`; its index has their numbers in the file."""
    columns = [frame[name].to_numpy(dtype=object) for name in frame]
    cells: Iterable[Sequence[str]] = zip(*columns, strict=True) if columns else [()] * len(frame)
    return [SetAside.of(int(row), reason, texts) for row, texts in zip(frame.index, cells, strict=True)]


@dataclass(frozen=True)
class Layout:
    """How the table is written: its format in words, and the row of its header, from 1 on; 0 where no row is one."""

    form: str
    header_row: int = 1


@dataclass(frozen=True)
class RawTable:
    """`frame` has text columns of dtype object, "" where a cell is empty, and the rows' numbers in the file as index.

    `beside` are tables of other things in the same folder, by the name of their file.
    """

    frame: pd.DataFrame
    layout: Layout
    set_aside: tuple[SetAside, ...] = ()
    beside: Mapping[str, "RawTable"] = field(default_factory=dict)

    @property
    def last_row(self) -> int:
        """The number of the last row below the header; 0 where there is none."""
        return max([*self.frame.index[-1:], *(one.row for one in self.set_aside)], default=0)

    def without(self, name: str) -> "RawTable":
        """This table without the one that is called `name` beside it."""
        return replace(self, beside={other: table for other, table in self.beside.items() if other != name})

    def describe(self) -> str:
        """One line: the format, the rows, what is not read, and how many rows were set aside for what."""
        header = f", header in row {self.layout.header_row}" if self.layout.header_row else ""
        line = f"{self.layout.form}{header}, {len(self.frame):,} rows"
        if self.beside:
            line += f", not read: {', '.join(self.beside)}"
        reasons = Counter(one.reason for one in self.set_aside)
        if not reasons:
            return line
        return f"{line}; set aside: {', '.join(f'{count} x {reason}' for reason, count in reasons.most_common())}"


def names(header: Sequence[str]) -> list[str]:
    """Column names from the cells of a header: without blanks around them, each one once.

    A column without a name is called by its place ("column 3"), a repeated name gets a number ("Amount (2)"). Raises
    UnreadableError for more than MAXIMUM_COLUMNS.
    """
    if len(header) > MAXIMUM_COLUMNS:
        raise UnreadableError(
            f"has {len(header):,} columns, and at most {MAXIMUM_COLUMNS:,} are read; export the columns of the deals alone"
        )
    found: list[str] = []
    for place, cell in enumerate(header, 1):
        name = " ".join(cell.split()) or f"column {place}"
        repeated = 2
        unique = name
        while unique in found:
            unique, repeated = f"{name} ({repeated})", repeated + 1
        found.append(unique)
    return found
