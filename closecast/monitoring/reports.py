"""Reports by Evidently on a window of rows beside reference rows: its own pages, and its results as JSON.

Evidently needs rows, not histograms. It takes seconds for ten thousand of them and minutes for a million, so it is given
a sample. Its verdicts know nothing of seasons: give it reference rows of the same phase of the quarter (`same_phase`).
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.core.container import MetricOrContainer
from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset
from numpy.typing import NDArray

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.deals.horizon import quarter_end_days
from closecast.monitoring.reference import SAMPLE
from closecast.monitoring.sketch import phase


@dataclass(frozen=True)
class EvidentlyReport:
    """One report: a page that loads nothing from elsewhere, and its results."""

    html: str
    results: str  # JSON


class NoReportError(ValueError):
    """There are no rows or columns that could be reported on."""


def data_drift(reference: pd.DataFrame, window: pd.DataFrame, seed: int = 0) -> EvidentlyReport:
    """Report the drift of each column. Both frames have the same columns: numbers, and names as text.

    Raises NoReportError when nothing can be compared. Columns without any value on one side are left out.
    """
    return _run(DataDriftPreset(), *_comparable(reference, window), seed)


def prediction_drift(reference: NDArray[np.float64], window: NDArray[np.float64], seed: int = 0) -> EvidentlyReport:
    """Report the drift of predicted probabilities, (n,) each. Raises NoReportError as `data_drift`."""
    return data_drift(pd.DataFrame({"score": reference}), pd.DataFrame({"score": window}), seed)


def data_quality(reference: pd.DataFrame, window: pd.DataFrame, seed: int = 0) -> EvidentlyReport:
    """Report counts, missing values and ranges of each column. Frames and errors as of `data_drift`."""
    return _run(DataSummaryPreset(), *_comparable(reference, window), seed)


def classification_quality(won: NDArray[np.int8], predicted: NDArray[np.float64], seed: int = 0) -> EvidentlyReport:
    """Report how well probabilities, (n,), fit outcomes, (n,). Raises NoReportError unless both outcomes occur."""
    known = np.isfinite(predicted)
    if len(np.unique(won[known])) < 2:
        raise NoReportError("the rows have not both outcomes: the quality of their predictions cannot be measured")
    frame = pd.DataFrame({"won": won[known].astype(np.int64), "score": predicted[known]})
    definition = DataDefinition(
        numerical_columns=["score"],
        categorical_columns=["won"],
        classification=[BinaryClassification(target="won", prediction_probas="score", pos_label=1)],
    )
    return _report(ClassificationPreset(), _sample(frame, seed), None, definition)


def same_phase(
    reference: NDArray[np.datetime64], window: NDArray[np.datetime64], fiscal: FiscalCalendar = CALENDAR_YEAR
) -> NDArray[np.bool_]:
    """Which reference rows, (n,), are of a week of the quarter that the window's as-of dates lie in."""
    of_reference, of_window = (phase(quarter_end_days(days, fiscal)) for days in (reference, window))
    return np.isin(of_reference, np.unique(of_window))


def _comparable(reference: pd.DataFrame, window: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    if list(reference.columns) != list(window.columns):
        different = sorted(set(reference.columns) ^ set(window.columns)) or ["their order"]
        raise NoReportError(f"the reference and the window differ in columns: {', '.join(map(str, different))}")
    # Evidently raises errors for infinite values in some metrics and for empty columns in others.
    frames = [frame.replace([np.inf, -np.inf], np.nan) for frame in (reference, window)]
    kept = [name for name in reference.columns if all(frame[name].notna().any() for frame in frames)]
    if not kept:
        raise NoReportError("no column has values both in the reference and in the window")
    return frames[0][kept], frames[1][kept]


def _run(preset: MetricOrContainer, reference: pd.DataFrame, window: pd.DataFrame, seed: int) -> EvidentlyReport:
    numbers = [name for name in window.columns if pd.api.types.is_numeric_dtype(window[name])]
    names = [name for name in window.columns if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=names)
    return _report(preset, _sample(window, seed), _sample(reference, seed), definition)


def _report(
    preset: MetricOrContainer, window: pd.DataFrame, reference: pd.DataFrame | None, definition: DataDefinition
) -> EvidentlyReport:
    current, before = (
        None if frame is None else Dataset.from_pandas(frame, data_definition=definition)
        for frame in (window, reference)
    )
    run = Report([preset], include_tests=True).run(current, before)
    return EvidentlyReport(run.get_html_str(as_iframe=False), json.dumps(_plain(json.loads(run.json()))))


def _sample(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    return frame if len(frame) <= SAMPLE else frame.sample(SAMPLE, random_state=seed).sort_index()


def _plain(value: Any) -> Any:
    """`value` with None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
