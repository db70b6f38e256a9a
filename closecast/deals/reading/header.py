"""Finds the header of a table, between a report's title above and its rows below."""

import re
from collections import Counter
from collections.abc import Sequence

from closecast.deals.reading.table import UnreadableError

SEARCHED = 50  # rows; a report has no longer title
_FILLED = 0.6  # share of the columns that a header names
_FIGURE = re.compile(r"[\W\d_]*\d[\W\d_]*")

Cells = Sequence[str]


def find(rows: Sequence[Cells]) -> int:
    """The place of the header among the first `rows` of a table, from 0 on.

    It is the first row that names at least 0.6 of the columns that most rows have, each name once, and holds no figures
    and dates. Raises UnreadableError where none of the first SEARCHED rows is such a row.
    """
    width = _usual_width(rows)
    for place, row in enumerate(rows[:SEARCHED]):
        cells = [cell.strip() for cell in row if cell.strip()]
        if len(cells) < max(1, _FILLED * width) or any(map(_FIGURE.fullmatch, cells)):
            continue
        if len(set(cells)) >= _FILLED * len(cells):
            return place
    raise UnreadableError(
        f"has no header in its first {min(len(rows), SEARCHED)} rows; expected one row with the names of the columns"
    )


def _usual_width(rows: Sequence[Cells]) -> int:
    """How many cells most rows have; of several such numbers the largest."""
    counts = Counter(len(row) for row in rows if any(cell.strip() for cell in row))
    most = max(counts.values(), default=0)
    return max((width for width, count in counts.items() if count == most), default=1)
