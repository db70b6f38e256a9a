"""A column of a batch: the distinct values, and which of them each row has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


@dataclass(frozen=True)
class Column:
    """Values of n rows: positions in `distinct`, (n,), -1 where there is none."""

    positions: NDArray[np.int64]
    distinct: list[Any]

    @classmethod
    def of_values(cls, values: Sequence[Any]) -> "Column":
        """Hashable values, each a str, a float or None."""
        try:
            # Texts that were just read have no hash yet; Arrow finds the distinct ones in a third of the time.
            encoded = pa.array(values, pa.string()).dictionary_encode()
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
    def _of_any(cls, values: Sequence[Any]) -> "Column":
        found = dict.fromkeys(values)
        found.pop(None, None)
        distinct = list(found)
        places: dict[Any, int] = {**dict(zip(distinct, range(len(distinct)), strict=True)), None: -1}
        return cls(np.fromiter(map(places.__getitem__, values), np.int64, len(values)), distinct)

    def arrow(self, kind: pa.DataType) -> pa.Array:
        """The value of each row as an Arrow array, null where there is none."""
        return pa.array(self.distinct, kind).take(pa.array(self.positions, mask=self.positions < 0))

    def values(self, rows: NDArray[np.int64] | None = None) -> list[Any]:
        """The value of each row, or of `rows`; None where there is none."""
        positions = self.positions if rows is None else self.positions[rows]
        # A list's own look-up is several times as quick as NumPy's of objects; -1 finds the last.
        return list(map([*self.distinct, None].__getitem__, positions.tolist()))


def spread(values: pa.Array, rows: NDArray[np.int64], count: int) -> pa.Array:
    """`values` in their `rows` of `count`, ascending, and null in the others."""
    if len(rows) == count:
        return values
    places = np.full(count, -1)
    places[rows] = np.arange(len(rows))
    return values.take(pa.array(places, mask=places < 0))
