"""Lets MLflow load the model as it loads any other: `mlflow.pyfunc.load_model("models:/closecast@champion")`.

This file and the rooms it imports are kept with the model: they need NumPy, pandas, LightGBM and PyArrow, and no more.
"""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.dates import read_dates
from closecast.deals.horizon import quarter_end_days
from closecast.deals.vocabulary import PRODUCT_ALIASES
from closecast.features.history import ENTITIES
from closecast.models.deal_model import DealModel
from closecast.models.manifest import ModelError
from closecast.scoring.scorable import JUDGED, bar


@dataclass(frozen=True)
class Input:
    """A column of what is asked; one that is not required may be left out."""

    name: str
    kind: Literal["text", "date", "days"]
    required: bool = False


INPUTS = (
    Input("engage_date", "date", required=True),
    Input("opportunity_id", "text"),
    Input("sales_agent", "text"),
    Input("product", "text"),
    Input("account", "text"),
    Input("deal_stage", "text"),
    Input("close_date", "text"),
    Input("as_of", "date"),
    Input("horizon_days", "days"),
)


class DealModelFunction:
    """Raw deals in, with an as-of date and a horizon; probabilities out."""

    def __init__(self, model: DealModel) -> None:
        self.model = model

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Probability that each deal closes Won within `horizon_days` of `as_of`, (n,), float64, as the API answers it.

        Columns: INPUTS; dates are text, written YYYY-MM-DD or M/D/YYYY. Without `as_of`, or where it is missing, it is the
        last date of the model's data; without `horizon_days` it is the time to the quarter's end. An agent, a product or an
        account that is missing or blank is none. Raises ValueError for a deal that is closed or whose stage is not known
        (`close_value` is judged too where it is given), for text that is no date, for an engage date that is missing or later
        than its as-of date, and for a horizon outside 1 to 366 days.
        """
        _require_open(frame)
        as_of = _dates(frame, "as_of").fillna(pd.Timestamp(self.model.card.known_until)).to_numpy(dtype="M8[D]")
        horizon = (
            frame["horizon_days"].to_numpy()
            if "horizon_days" in frame
            else quarter_end_days(as_of, self.model.card.fiscal)
        )
        deals = pd.DataFrame({name: _text(frame, name) for name in ("opportunity_id", *ENTITIES)})
        deals = deals.assign(
            engage_date=_dates(frame, "engage_date"), product=deals["product"].replace(PRODUCT_ALIASES)
        )
        matrix = self.model.builder.matrix(
            self.model.builder.history.subjects(deals), np.arange(len(frame)), as_of, horizon.astype(np.int64)
        )
        return self.model.scorer.predict(matrix)


def _require_open(frame: pd.DataFrame) -> None:
    """Raises ValueError that names the first row with a deal that must not be scored."""
    for name in (one for one in JUDGED if one in frame):
        for at, value in enumerate(frame[name]):
            barred = None if pd.isna(value) else bar(name, value)
            if barred is not None:
                raise ValueError(f"row {at} has the {name} {str(value)[:50]!r}: {barred}; ask about open deals alone")


def _text(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    """Text without blanks around it, None where it is missing or nothing but blanks."""
    given = frame[name] if name in frame else [None] * len(frame)
    texts = [None if pd.isna(value) else str(value).strip() or None for value in given]
    return pd.Series(texts, index=frame.index, dtype=object)


def _dates(frame: pd.DataFrame, name: str) -> "pd.Series[pd.Timestamp]":
    """NaT where it is missing."""
    text = _text(frame, name)
    dates = read_dates(text)
    for at in np.flatnonzero((dates.isna() & text.notna()).to_numpy())[:1]:
        raise ValueError(f"{name} {text.iloc[at]!r} in row {at} is not a date written YYYY-MM-DD or M/D/YYYY")
    return dates


def _load_pyfunc(path: str) -> DealModelFunction:
    """What MLflow calls with the model's folder, or a file in it.

    Warns where this machine and its libraries do not give the very bits that the model gave when it was made. Raises
    ModelError for a file that is not as the manifest says. That finds damage; who made the files, a signature alone would
    tell, and this code is one of them.
    """
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    model = DealModel.load(folder, besides=_left_by_loading)
    try:
        model.replay(folder)
    except ModelError as error:
        warnings.warn(f"answers may differ from the service's in their last digits: {error}", stacklevel=2)
    return DealModelFunction(model)


def _left_by_loading(name: str) -> bool:
    """What MLflow notes in a copy that it fetches, and what Python compiles when it imports the model's code."""
    return name == "registered_model_meta" or bool(re.fullmatch(r"code/.+/__pycache__/[^/]+\.pyc", name))
