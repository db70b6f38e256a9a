"""Dirty rows for a synthetic export: rows that the contract must reject, of five kinds in rotation."""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[np.object_]]
_NO_DATES = np.array(["2017-02-30", "31.12.2017", "soon"], dtype=object)
_KINDS = 5


def make_dirty(deals: Columns, rows: NDArray[np.bool_], day: date) -> None:
    """Corrupt the chosen rows of raw columns in place, so that the contract rejects each; `rows` has shape (n,).

    The kinds in rotation: an unreadable engage date; -1 for missing values, and for the account; the identifier of
    the clean row before; a stage that does not exist; a close before the engagement, which is then on `day`. The third
    makes that clean row ambiguous, so the contract rejects it too.
    """
    chosen = np.flatnonzero(rows)
    no_date, minus_one, repeated, no_stage, backwards = (chosen[kind::_KINDS] for kind in range(_KINDS))
    deals["engage_date"][no_date] = np.resize(_NO_DATES, len(no_date))
    for column in deals.values():
        column[minus_one[column[minus_one] == ""]] = "-1"
    deals["account"][minus_one] = "-1"
    # Before the first clean row there is row 0, which has an unreadable date and is never itself a repetition.
    before = np.maximum.accumulate(np.where(rows, 0, np.arange(len(rows))))
    deals["opportunity_id"][repeated] = deals["opportunity_id"][before[repeated]]
    deals["deal_stage"][no_stage] = "Negotiating"
    deals["deal_stage"][backwards] = "Lost"
    deals["close_value"][backwards] = "0"
    deals["engage_date"][backwards] = str(day)
    deals["close_date"][backwards] = str(day - timedelta(days=1))
