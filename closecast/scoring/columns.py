"""Tables of raw deals as dictionary-encoded columns: the distinct values, and a position per row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from closecast.scoring.rules import NotScorableError


@dataclass(frozen=True)
class Column:
    """Values of n rows: positions in `distinct`, (n,), int64, -1 where missing."""

    positions: NDArray[np.int64]
    distinct: list[Any]

    @classmethod
    def missing(cls, count: int) -> "Column":
        """A column of `count` missing values."""
        return cls(np.full(count, -1), [])

    @classmethod
    def of_values(cls, values: "Sequence[Any] | NDArray[np.object_]") -> "Column":
        """Encode any values; None and pandas' missing values are missing."""
        try:
            # Texts just read have no cached hash; Arrow finds the distinct ones in a third of the time.
            encoded = pa.array(values, pa.string(), from_pandas=True).dictionary_encode()
        except (pa.ArrowException, UnicodeEncodeError):
            return cls._of_any(values)
        return cls.of_arrow(encoded)

    @classmethod
    def of_arrow(cls, encoded: pa.DictionaryArray) -> "Column":
        """Make a column from Arrow's dictionary encoding."""
        indices = pc.fill_null(encoded.indices, -1) if encoded.null_count else encoded.indices
        positions = indices.to_numpy().astype(np.int64)
        return cls(positions, encoded.dictionary.to_pylist())

    @classmethod
    def of_some(cls, values: pa.StringArray, rows: NDArray[np.int64], count: int) -> "Column":
        """A column of `count` rows with `values` in `rows`, missing elsewhere."""
        some = cls.of_arrow(values.dictionary_encode())
        if len(rows) == count:
            return some
        positions = np.full(count, -1)
        positions[rows] = some.positions
        return cls(positions, some.distinct)

    @classmethod
    def of_rows(cls, values: Mapping[int, Any], count: int) -> "Column":
        """A column of `count` rows with a few values by row, missing elsewhere."""
        positions = np.full(count, -1)
        positions[list(values)] = np.arange(len(values))
        return cls(positions, list(values.values()))

    @classmethod
    def _of_any(cls, values: "Sequence[Any] | NDArray[np.object_]") -> "Column":
        import pandas as pd  # here, because the process that reads uploaded Parquet doesn't need it

        distinct: list[Any] = []
        places: dict[Any, int] = {}
        positions = np.full(len(values), -1)
        for row, value in enumerate(values):
            if pd.api.types.is_scalar(value) and pd.isna(value):
                continue
            # 1, 1.0 and True are equal, and a list has no hash.
            key = value if isinstance(value, str) else (type(value), repr(value))
            positions[row] = places.setdefault(key, len(distinct))
            if len(places) > len(distinct):
                distinct.append(value)
        return cls(positions, distinct)

    def map(self, change: Callable[[Any], Any]) -> "Column":
        """Apply `change` to each distinct value; None becomes missing."""
        changed = [change(one) for one in self.distinct]
        if None not in changed:
            return Column(self.positions, changed)
        present = np.array([*(one is not None for one in changed), False])
        return Column(np.where(present[self.positions], self.positions, -1), changed)

    def take(self, rows: NDArray[np.int64]) -> "Column":
        """The column of `rows` only."""
        return Column(self.positions[rows], self.distinct)

    def arrow(self, kind: pa.DataType) -> pa.Array:
        """The values as an Arrow array, null where missing."""
        return pa.array(self.distinct, kind).take(pa.array(self.positions, mask=self.positions < 0))

    def values(self, rows: NDArray[np.int64] | None = None) -> list[Any]:
        """The values of all rows, or of `rows`; None where missing."""
        positions = self.positions if rows is None else self.positions[rows]
        # Indexing a list is several times as fast as NumPy's indexing of objects; -1 finds the last.
        return list(map([*self.distinct, None].__getitem__, positions.tolist()))

    def by_row(self) -> dict[int, Any]:
        """The values of the rows that have one."""
        rows = np.flatnonzero(self.positions >= 0) if self.distinct else np.empty(0, np.int64)
        return dict(zip(rows.tolist(), self.values(rows), strict=True))


@dataclass(frozen=True)
class DealTable:
    """The raw columns of n deals as they were sent; `refused` are rows that are not deals, with the reason.

    The identifiers, (n,), string, are separate because they are all different. `histories` are the stage histories that
    were sent, by row (closecast.scoring.rules.Change).
    """

    identifiers: pa.StringArray
    columns: dict[str, Column]
    refused: dict[int, NotScorableError] = field(default_factory=dict)
    histories: dict[int, Sequence[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.identifiers)

    def take(self, rows: NDArray[np.int64]) -> "DealTable":
        """The deals of `rows`, ascending."""
        refused = {at: self.refused[row] for at, row in enumerate(rows.tolist()) if row in self.refused}
        histories = {at: self.histories[row] for at, row in enumerate(rows.tolist()) if row in self.histories}
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        return DealTable(self.identifiers.take(pa.array(rows)), columns, refused, histories)


def spread(values: pa.Array, rows: NDArray[np.int64], count: int) -> pa.Array:
    """An array of `count` rows with `values` in `rows`, ascending, and null elsewhere."""
    if len(rows) == count:
        return values
    places = np.full(count, -1)
    places[rows] = np.arange(len(rows))
    return values.take(pa.array(places, mask=places < 0))
