"""The MLflow pyfunc flavour of the model: `mlflow.pyfunc.load_model("models:/closecast@champion")`.

This file and the packages it imports are stored with the model; they need only NumPy, pandas, LightGBM and PyArrow.
"""

import re
import warnings
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.dates import EXPECTED, read_date
from closecast.deals.horizon import QUARTER_END
from closecast.deals.texts import read_text
from closecast.models.deal_model import DealModel
from closecast.models.manifest import ModelError
from closecast.scoring import many
from closecast.scoring.question import Question, read_horizon
from closecast.scoring.rules import NotScorableError
from closecast.scoring.tables import read_frame, read_values


@dataclass(frozen=True)
class Input:
    """An input column; one that is not required may be left out."""

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
    """Predicts probabilities for raw deals with an as-of date and a horizon."""

    def __init__(self, model: DealModel) -> None:
        self.model = model

    def predict(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Probability that each deal closes Won within `horizon_days` of `as_of`, (n,), float64, as the API answers it.

        Columns: INPUTS; dates are text, written YYYY-MM-DD or M/D/YYYY. Without `as_of`, or where it is missing, it is
        the last date of the model's data; without `horizon_days` it is the time to the quarter's end. `close_value` is
        judged too where it is given. Raises ValueError for the first row that cannot be scored, in the words of
        closecast.scoring.rules.
        """
        table = read_frame(frame)
        probability = np.empty(len(frame))
        refused: dict[int, NotScorableError] = {}
        for question, positions in self._questions(frame):
            rows = np.array(positions)
            if isinstance(question, NotScorableError):
                refused[positions[0]] = question
                continue
            judged, answers = many.score(self.model, table.take(rows), question)
            probability[rows[judged.rows]] = answers
            refused |= {positions[at]: error for at, error in judged.refused.by_row().items()}
        if refused:
            row = min(refused)
            raise ValueError(f"row {row}: {refused[row]}") from refused[row]
        return probability

    def _questions(self, frame: pd.DataFrame) -> list[tuple[Question | NotScorableError, list[int]]]:
        """The distinct questions, or the reasons why they are invalid, with the rows of each, ascending."""
        as_of, horizon = (
            read_values(name, frame[name]) if name in frame else None for name in ("as_of", "horizon_days")
        )
        count = len(frame)
        asked: dict[tuple[int, int], list[int]] = {}
        for row, key in enumerate(
            zip(
                [-1] * count if as_of is None else as_of.positions.tolist(),
                [-1] * count if horizon is None else horizon.positions.tolist(),
                strict=True,
            )
        ):
            asked.setdefault(key, []).append(row)
        dates, horizons = (None if one is None else one.distinct for one in (as_of, horizon))
        found: list[tuple[Question | NotScorableError, list[int]]] = []
        for (day, days), rows in asked.items():
            try:
                seen = None if dates is None or day < 0 else _day(dates[day])
                by = QUARTER_END if horizons is None else read_horizon(horizons[days] if days >= 0 else None)
                found.append((Question.ask(self.model, seen, by), rows))
            except NotScorableError as error:
                found.append((error, rows))
        return found


def _day(value: Any) -> date | None:
    """Parse an as-of date. Raises NotScorableError."""
    text = read_text(value)
    found = None if text is None else read_date(text)
    if text is not None and found is None:
        raise NotScorableError("as_of", text, EXPECTED, f"as_of {text[:50]!r} is not a date")
    return found


def _load_pyfunc(path: str) -> DealModelFunction:
    """Load the model from its folder, or from a file in it; MLflow calls this.

    Warns if predictions differ in any bit from those at training time, because of the machine or its libraries. Raises
    ModelError for a file that differs from the manifest. That detects damage, not forgery: only a signature could, and
    this code is among the files.
    """
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    model = DealModel.load(folder, besides=left_by_loading)
    try:
        model.replay(folder)
    except ModelError as error:
        warnings.warn(f"answers may differ from the service's in their last digits: {error}", stacklevel=2)
    return DealModelFunction(model)


def left_by_loading(name: str) -> bool:
    """Whether a file comes from loading: MLflow's note in a fetched copy, or Python's compiled code."""
    return name == "registered_model_meta" or bool(re.fullmatch(r"code/.+/__pycache__/[^/]+\.pyc", name))
