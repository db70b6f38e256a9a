"""The stage history that a deal is scored with: the one sent with it, else the one that the model's own data has of it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from closecast.deals import dates
from closecast.deals.stages import Entry
from closecast.deals.texts import read_text
from closecast.features.build import UNKNOWN_STAGES, Tables
from closecast.features.stages import StageHistories, StageRecord
from closecast.scoring.rules import Change, Deal, NotScorableError

_EARLIEST = 1970


def entries(sent: Sequence[Change]) -> list[Entry]:
    """The entries of a history that was sent, in the order of time; those of one day stay in their order.

    Raises NotScorableError for the first that says nothing or has a date that is none.
    """
    found = []
    for at, change in enumerate(sent):
        place = f"deal.stage_history[{at}]"
        stage, close = read_text(change.stage), read_text(change.expected_close)
        if stage is None and close is None:
            detail = f"entry {at} of stage_history has neither a stage nor an expected_close"
            raise NotScorableError(place, None, "a stage, an expected_close, or both", detail)
        changed = _day(change.changed, f"{place}.changed")
        found.append(Entry(changed, stage, None if close is None else _day(close, f"{place}.expected_close")))
    return sorted(found, key=lambda entry: entry.changed)


def refused(histories: Mapping[int, Sequence[Change]]) -> dict[int, NotScorableError]:
    """The errors of the histories that were sent, by row."""
    found = {}
    for row, sent in histories.items():
        try:
            entries(sent)
        except NotScorableError as error:
            found[row] = error
    return found


def values(record: StageRecord | None, tables: Tables, deal: Deal) -> bytes:
    """The stage features of one deal, for `features.rows`; `record` is that of the model's history.

    Raises NotScorableError as `entries`.
    """
    if deal.stage_history is None:
        at = -1 if record is None else record.position(read_text(deal.opportunity_id))
        histories = None if record is None or at < 0 else record.histories
    else:
        at, own = 0, entries(deal.stage_history)
        histories = None if record is None else StageHistories.of([own], record.code)
    return UNKNOWN_STAGES if histories is None else tables.stages(histories, np.array([at])).tobytes()


def of_table(
    record: StageRecord, identifiers: pa.StringArray, sent: Mapping[int, Sequence[Change]], rows: NDArray[np.int64]
) -> StageHistories:
    """The histories of `rows` of a table, (k,); those in `sent`, by row of the table, have passed `refused`."""
    named = identifiers.take(pa.array(rows)).to_pylist()
    kept = record.histories.take(np.array([record.position(read_text(one)) for one in named], dtype=np.int64))
    own = [(at, row) for at, row in enumerate(rows.tolist()) if row in sent] if sent else []
    if not own:
        return kept
    given = StageHistories.of([entries(sent[row]) for _, row in own], record.code)
    return kept.replaced(np.array([at for at, _ in own]), given)


def _day(written: Any, field: str) -> date:
    text = read_text(written)
    found = None if text is None else dates.read_date(text)
    if found is None or found.year < _EARLIEST:
        name = field.rpartition(".")[2]
        raise NotScorableError(
            field,
            written,
            f"{dates.EXPECTED}, from {_EARLIEST} on",
            f"{name} {str(written)[:50]!r} in stage_history is not a date",
        )
    return found
