"""Tells a table's deals from the rows of a report that are none: repeated headers, totals and remarks."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.reading.table import Layout, RawTable, SetAside, set_aside

_PADDED = 0.5  # share of the cells from which on a short row is one whose last cells are empty
_FOOTER_CELLS = 2  # a remark or a total fills no more
_SEARCHED = 50  # rows at the end


class SortedRows:
    """Gathers what is set aside; `odd` are rows by their number that have not as many cells as the header."""

    def __init__(self, cells: Sequence[str], odd: Mapping[int, Sequence[str]]) -> None:
        self._header = [cell.strip() for cell in cells]
        self._odd = odd
        self._aside: list[SetAside] = []

    def aside(self, number: int, reason: str, cells: Sequence[str]) -> None:
        """Set a row aside."""
        self._aside.append(SetAside.of(number, reason, cells))

    def titles(self, rows: Sequence[Sequence[str]], first: int = 1) -> None:
        """Set aside the rows above the header, numbered from `first` on; blank ones are nothing."""
        for number, cells in enumerate(rows, first):
            if any(cell.strip() for cell in cells):
                self.aside(number, "title above the table", cells)

    def table(self, frame: pd.DataFrame, layout: Layout) -> RawTable:
        """The deals of `frame` and of the odd rows, in the order of the file."""
        frame = self._completed(frame)
        frame = frame[~self._repeats_header(frame)]
        frame = frame.iloc[: len(frame) - self._remarks(frame)]
        aside = sorted(self._aside, key=lambda one: one.row)
        return RawTable(frame, layout, tuple(aside))

    def _completed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """With the odd rows that only lack empty cells at their end."""
        width = len(self._header)
        added = {}
        for number, cells in self._odd.items():
            filled = sum(bool(cell.strip()) for cell in cells)
            if width * _PADDED <= len(cells) < width and filled > _FOOTER_CELLS:
                added[number] = [*cells, *[""] * (width - len(cells))]
            elif filled <= _FOOTER_CELLS < width:
                self.aside(number, "remark or total", cells)
            else:
                self.aside(number, f"row of {len(cells)} cells where the header has {width}", cells)
        if not added:
            return frame
        rows = pd.DataFrame.from_dict(added, orient="index", columns=frame.columns, dtype=object)
        return pd.concat([frame, rows]).sort_index()

    def _repeats_header(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Rows of which most filled cells are the names of their columns."""
        alike = np.zeros(len(frame), dtype=np.int64)
        filled = np.zeros(len(frame), dtype=np.int64)
        for name, title in zip(frame.columns, self._header, strict=True):
            cells = frame[name].to_numpy()
            alike += (cells == title) & (title != "")
            filled += cells != ""
        found: NDArray[np.bool_] = (alike > 1) & (2 * alike > filled)
        self._aside += set_aside(frame[found], "repeated header")
        return found

    def _remarks(self, frame: pd.DataFrame) -> int:
        """How many rows at the end are remarks, in a table whose deals fill more cells than these."""
        tail = frame.iloc[-_SEARCHED:]
        filled = tail.apply(lambda column: column.str.strip() != "").sum(axis=1).to_numpy()
        if len(self._header) <= _FOOTER_CELLS + 1 or not len(filled):
            return 0
        deals = np.flatnonzero(filled > _FOOTER_CELLS)
        count = len(filled) - 1 - deals[-1] if len(deals) else 0
        self._aside += set_aside(tail.iloc[len(tail) - count :], "remark or total")
        return int(count)
