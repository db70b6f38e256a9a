"""Dirt for a made-up export: rows that the contract must refuse, of five kinds in rotation."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_BAD_DATES = ("2017-02-30", "31.12.2017", "soon")
_FAR_DAY = "2071-01-01"


def soil(deals: pd.DataFrame, rows: NDArray[np.bool_]) -> pd.DataFrame:
    """`deals`, raw text, with the chosen rows soiled, the first kind first: each is refused by the contract.

    The kinds: an engage date that is none, -1 in place of what is missing, the identifier of the clean row before,
    a stage that does not exist, a close before the engagement. The third also makes that clean row ambiguous, so the
    contract refuses it too. The first row is never of the third kind.
    """
    chosen = np.flatnonzero(rows)
    kinds = [chosen[kind::5] for kind in range(5)]
    text: dict[str, NDArray[Any]] = {name: deals[name].to_numpy(dtype=object, copy=True) for name in deals}
    text["engage_date"][kinds[0]] = np.resize(np.array(_BAD_DATES, dtype=object), len(kinds[0]))
    for column in text.values():
        column[kinds[1][column[kinds[1]] == ""]] = "-1"
    text["account"][kinds[1]] = "-1"
    clean = np.maximum.accumulate(np.where(rows, 0, np.arange(len(deals))))
    text["opportunity_id"][kinds[2]] = text["opportunity_id"][clean[kinds[2]]]
    text["deal_stage"][kinds[3]] = "Negotiating"
    for name, value in (("deal_stage", "Lost"), ("close_value", "0"), ("engage_date", "2017-06-02"), ("close_date", "2017-06-01")):
        text[name][kinds[4]] = value
    return pd.DataFrame(text, index=deals.index)
