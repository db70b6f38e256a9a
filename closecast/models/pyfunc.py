"""Lets MLflow load the model as it loads any other: `mlflow.pyfunc.load_model("models:/closecast@champion")`."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from closecast.deals.vocabulary import PRODUCT_ALIASES
from closecast.models.deal_model import DealModel

INPUTS = ("opportunity_id", "sales_agent", "product", "account", "engage_date", "as_of", "horizon_days")


class DealModelFunction:
    """Raw deals with an as-of date and a horizon in; probabilities out."""

    def __init__(self, model: DealModel) -> None:
        self.model = model

    def predict(self, frame: pd.DataFrame) -> np.ndarray[Any, np.dtype[Any]]:
        """Probability that each deal closes Won within `horizon_days` of `as_of`, (n,), float64. Columns: INPUTS.

        Raises ValueError for a missing date or one that contradicts another.
        """
        deals = frame.assign(
            engage_date=pd.to_datetime(frame["engage_date"]), product=frame["product"].replace(PRODUCT_ALIASES)
        )
        subjects = self.model.builder.history.subjects(deals)
        matrix = self.model.builder.matrix(
            subjects,
            np.arange(len(frame)),
            pd.to_datetime(frame["as_of"]).to_numpy(dtype="M8[D]"),
            frame["horizon_days"].to_numpy(dtype=np.int64),
        )
        return self.model.scorer.predict(matrix)


def _load_pyfunc(path: str) -> DealModelFunction:
    """What MLflow calls with the model's folder, or a file in it."""
    folder = Path(path)
    return DealModelFunction(DealModel.load(folder if folder.is_dir() else folder.parent))
