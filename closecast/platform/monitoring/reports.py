"""Evidently's reports of a look, kept as artifacts of an MLflow run."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from closecast.deals.calendar import FiscalCalendar
from closecast.monitoring.reference import AS_OF, Reference
from closecast.platform.mlflow import tracking
from closecast.platform.monitoring.look import Seen

EXPERIMENT = "closecast-monitoring"
FOLDER = "reports"
KEPT_DAYS = 90
NAMES = ("data_drift", "prediction_drift", "data_quality", "classification_quality")


def write(folder: Path, reference: Reference | None, seen: Seen, fiscal: FiscalCalendar) -> dict[str, str]:
    """Write `<name>.html` and `<name>.json` for each of NAMES into `folder`; returns why those that are missing are.

    Evidently compares with reference rows of the same phase of the quarter.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # Imported here: it takes seconds, and readers of this module's names have no need of it.
    from closecast.monitoring import reports
    from closecast.monitoring.rows import SCORE

    makers: dict[str, Callable[[], reports.EvidentlyReport]] = {}
    missing: dict[str, str] = {}
    if reference is None:
        missing = dict.fromkeys(NAMES[:3], "the model has no reference")
    else:
        window = seen.sample
        days = [part[AS_OF].to_numpy(dtype="M8[D]") for part in (reference.sample, window)]
        before = reference.sample[reports.same_phase(days[0], days[1], fiscal)].drop(columns=AS_OF)
        now = window.drop(columns=AS_OF)
        makers = {
            "data_drift": lambda: reports.data_drift(before, now),
            "prediction_drift": lambda: reports.prediction_drift(before[SCORE].to_numpy(), now[SCORE].to_numpy()),
            "data_quality": lambda: reports.data_quality(before, now),
        }
    won, chances = seen.matured["won"].to_numpy(np.int8), seen.matured["probability"].to_numpy(np.float64)
    makers["classification_quality"] = lambda: reports.classification_quality(won, chances)
    for name, make in makers.items():
        try:
            made = make()
        except reports.NoReportError as error:
            missing[name] = str(error)
            continue
        (folder / f"{name}.html").write_text(made.html)
        (folder / f"{name}.json").write_text(made.results)
    (folder / "missing.json").write_text(json.dumps(missing))
    return missing


def log(folder: Path, tracking_uri: str, name: str, tags: dict[str, str], figures: dict[str, float]) -> tracking.Run:
    """Log the files of `folder` as a run of EXPERIMENT and return it. Raises RegistryError."""
    with tracking.started(tracking_uri, name, EXPERIMENT) as run:
        run.log({}, figures, tags)
        run.log_folder(folder, FOLDER)
    return run
