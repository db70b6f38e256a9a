"""Tables of raw deals as columns that are encoded: the distinct values, and which of them each row has."""

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
    """Values of n rows: positions in `distinct`, (n,), int64, -1 where there is none."""

    positions: NDArray[np.int64]
    distinct: list[Any]

    @classmethod
    def missing(cls, count: int) -> "Column":
        """Of `count` rows that have no value."""
        return cls(np.full(count, -1), [])

    @classmethod
    def of_values(cls, values: "Sequence[Any] | NDArray[np.object_]") -> "Column":
        """From any values; None and pandas' missing values are none."""
        try:
            # Texts that were just read have no hash yet; Arrow finds the distinct ones in a third of the time.
            encoded = pa.array(values, pa.string(), from_pandas=True).dictionary_encode()
        except (pa.ArrowException, UnicodeEncodeError):
            return cls._of_any(values)
        return cls.of_arrow(encoded)

    @classmethod
    def of_arrow(cls, encoded: pa.DictionaryArray) -> "Column":
        """From Arrow's own encoding of a column."""
        indices = pc.fill_null(encoded.indices, -1) if encoded.null_count else encoded.indices
        positions = indices.to_numpy().astype(np.int64)
        return cls(positions, encoded.dictionary.to_pylist())

    @classmethod
    def of_some(cls, values: pa.StringArray, rows: NDArray[np.int64], count: int) -> "Column":
        """From the values of `rows` alone, of `count`."""
        some = cls.of_arrow(values.dictionary_encode())
        if len(rows) == count:
            return some
        positions = np.full(count, -1)
        positions[rows] = some.positions
        return cls(positions, some.distinct)

    @classmethod
    def of_rows(cls, values: Mapping[int, Any], count: int) -> "Column":
        """From a value for each of a few rows, of `count`."""
        positions = np.full(count, -1)
        positions[list(values)] = np.arange(len(values))
        return cls(positions, list(values.values()))

    @classmethod
    def _of_any(cls, values: "Sequence[Any] | NDArray[np.object_]") -> "Column":
        import pandas as pd  # here, because the process that reads strangers' Parquet has no need of it

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
        """`change` of each value, asked once about each distinct one; None is no value."""
        changed = [change(one) for one in self.distinct]
        if None not in changed:
            return Column(self.positions, changed)
        present = np.array([*(one is not None for one in changed), False])
        return Column(np.where(present[self.positions], self.positions, -1), changed)

    def take(self, rows: NDArray[np.int64]) -> "Column":
        """Of `rows` alone."""
        return Column(self.positions[rows], self.distinct)

    def arrow(self, kind: pa.DataType) -> pa.Array:
        """The value of each row as an Arrow array, null where there is none."""
        return pa.array(self.distinct, kind).take(pa.array(self.positions, mask=self.positions < 0))

    def values(self, rows: NDArray[np.int64] | None = None) -> list[Any]:
        """The value of each row, or of `rows`; None where there is none."""
        positions = self.positions if rows is None else self.positions[rows]
        # A list's own look-up is several times as quick as NumPy's of objects; -1 finds the last.
        return list(map([*self.distinct, None].__getitem__, positions.tolist()))

    def by_row(self) -> dict[int, Any]:
        """The values of the rows that have one."""
        rows = np.flatnonzero(self.positions >= 0) if self.distinct else np.empty(0, np.int64)
        return dict(zip(rows.tolist(), self.values(rows), strict=True))


@dataclass(frozen=True)
class DealTable:
    """Raw columns of n deals, those that were sent; `refused` are rows that are no deal, with the reason.

    The identifiers, (n,), string, stand apart: they are all different.
    """

    identifiers: pa.StringArray
    columns: dict[str, Column]
    refused: dict[int, NotScorableError] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.identifiers)

    def take(self, rows: NDArray[np.int64]) -> "DealTable":
        """The deals of `rows`, ascending."""
        refused = {at: self.refused[row] for at, row in enumerate(rows.tolist()) if row in self.refused}
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        return DealTable(self.identifiers.take(pa.array(rows)), columns, refused)


def spread(values: pa.Array, rows: NDArray[np.int64], count: int) -> pa.Array:
    """`values` in their `rows` of `count`, ascending, and null in the others."""
    if len(rows) == count:
        return values
    places = np.full(count, -1)
    places[rows] = np.arange(len(rows))
    return values.take(pa.array(places, mask=places < 0))
