"""Build a candidate from accepted deals: fit before the cut, measure after it, then refit on all known labels."""

from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

import pandas as pd

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.features import WIN_CHANCE
from closecast.models import blas, evaluation, forward, history_use, training
from closecast.models.baselines import BASELINES
from closecast.models.card import BASELINE, MODEL, Kind
from closecast.models.data import Data, NotEnoughDataError, Plan
from closecast.models.forward import Schedule
from closecast.models.hyperparameters import DATES_ONLY, PRESETS, Hyperparameters
from closecast.models.scorer import Scorer
from closecast.models.start import Start

_NEXT_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Candidate:
    """A scorer to serve, its evaluation twin, and the twin's results on held-out rows."""

    scorer: Scorer  # refitted on all rows with known labels
    twin: Scorer  # fitted only on rows whose label window ended before the cut
    data: Data
    settings: Hyperparameters
    seed: int
    schedule: Schedule  # of the scorer
    splits: tuple[evaluation.Split, ...]
    held_out: tuple[evaluation.HeldOut, ...]
    rows: dict[str, int]  # "fit": the twin's, "refit": the served booster's
    kind: Kind = MODEL

    @property
    def plan(self) -> Plan:
        return self.data.plan

    def metrics(self) -> dict[str, float]:
        """`<measure>_<target>` of the twin on the held-out rows."""
        return evaluation.flat(self.held_out, evaluation.CANDIDATE)

    def references(self) -> dict[str, float]:
        """`<baseline>_<measure>_<target>` on the held-out rows, with the counts and shares of the rows."""
        values = {
            f"{baseline}_{name}": value
            for baseline in BASELINES
            for name, value in evaluation.flat(self.held_out, baseline).items()
        }
        for split in self.splits:
            for part, rows in (("train", split.train.rows), ("test", split.test.rows)):
                values[f"rows_{part}_{split.target}"] = float(len(rows))
                values[f"share_won_{part}_{split.target}"] = float(rows.won.mean())
                values[f"deals_{part}_{split.target}"] = float(rows.deals())
                values[f"deals_{part}_in_all_{split.target}"] = float(rows.deals_in_all)
        return values

    @blas.one_thread()
    def report(self) -> dict[str, Any]:
        """All figures of the evaluation and its settings, as plain data."""
        return {
            **evaluation.report(self.data, self.splits, self.held_out, self.twin.predict),
            "hyperparameters": self.settings.as_dict(),
            "seed": self.seed,
            "fiscal_year_start": self.data.fiscal.first_month,
            "rounds": self.schedule.rounds,
            "calibration": asdict(self.twin.calibration),
            "start": asdict(self.twin.start),
            "rows": self.rows,
            "kind": self.kind,
            "uses_history": self.schedule.uses_history,
        }


@blas.one_thread()
def build(
    deals: pd.DataFrame,
    seed: int,
    threads: int,
    settings: Hyperparameters | None = None,
    cut: date | None = None,
    fiscal: FiscalCalendar = CALENDAR_YEAR,
) -> Candidate:
    """Fit, measure and refit a model.

    `deals` are accepted deals, quarters those of `fiscal`. Without `settings`, one of PRESETS is chosen before the cut.

    Raises NotEnoughDataError when they are too few or too short.
    """
    data = Data(deals, cut, fiscal)
    splits = evaluation.splits(data)
    tried = PRESETS if settings is None else (settings,)
    twin, scorer, schedule, counts = _fit(data, tried, seed, threads)
    # Last, so that the features of held-out rows and of rows to fit on are not in memory at the same time.
    held_out = evaluation.held_out(data, splits, twin.predict, seed, threads)
    return Candidate(scorer, twin, data, schedule.settings, seed, schedule, splits, held_out, counts)


@blas.one_thread()
def baseline(refused: Candidate, threads: int) -> Candidate:
    """The answer where the gate refuses a model: one that knows a deal's age and the calendar, and no names.

    It is fitted and measured on the rows of the candidate `refused`.
    """
    data, seed = refused.data, refused.seed
    twin, scorer, schedule, counts = _fit(data, DATES_ONLY, seed, threads, uses_history=False)
    held_out = tuple(
        replace(
            part,
            predictions={**part.predictions, evaluation.CANDIDATE: twin.predict(split.test.matrix)},
            blanking_shift=0.0,  # no account enters it
        )
        for part, split in zip(refused.held_out, refused.splits, strict=True)
    )
    return Candidate(
        scorer, twin, data, schedule.settings, seed, schedule, refused.splits, held_out, counts, kind=BASELINE
    )


def _fit(
    data: Data, tried: tuple[Hyperparameters, ...], seed: int, threads: int, uses_history: bool | None = None
) -> tuple[Scorer, Scorer, Schedule, dict[str, int]]:
    """The twin, fitted before the cut, and the scorer that serves: on all rows, with what was chosen for the twin.

    Also returns the scorer's schedule, and how many rows each learnt from, as in Candidate.
    """
    twin, early, found = fit_before(data, tried, seed, threads, data.plan.cut, uses_history)
    scorer, known, schedule = fit_before(data, (found.settings,), seed, threads, None, found.uses_history)
    return twin, scorer, schedule, {"fit": early, "refit": known}


def fit_before(
    data: Data,
    tried: tuple[Hyperparameters, ...],
    seed: int,
    threads: int,
    before: date | None,
    uses_history: bool | None = None,
) -> tuple[Scorer, int, Schedule]:
    """Fit a calibrated scorer on rows with labels known before `before` (None: all), with the best of `tried` by its folds.

    Without `uses_history`, the deals' stage histories are used where later rows say that they help. Returns the scorer,
    the number of rows and the schedule.

    Raises NotEnoughDataError when they do not hold both outcomes.
    """
    rows = data.learnable(before)
    if len(rows) < evaluation.MINIMUM_ROWS or not 0 < int(rows.won.sum()) < len(rows):
        raise NotEnoughDataError(
            f"only {len(rows)} rows, {int(rows.won.sum())} of them won, are known before {before or 'the end'}; "
            f"needed are {evaluation.MINIMUM_ROWS} or more of both outcomes"
        )
    matrix, end = data.fitting_matrix(rows), before or data.plan.end + _NEXT_DAY
    if data.builder.history.stages is None:
        uses_history = False
    else:
        if uses_history is None:
            uses_history = history_use.helps(matrix, rows, end, seed, threads)
        matrix = matrix if uses_history else history_use.without_history(matrix)
    found = replace(forward.schedule(matrix, rows, end, tried, seed, threads), uses_history=uses_history)
    start = Start.fit(matrix[:, WIN_CHANCE], rows.won, found.settings.recalibration)
    booster = training.fit(matrix, rows.won, found.settings, found.rounds, seed, threads, start)
    return Scorer(booster, found.calibration, start), len(rows), found
