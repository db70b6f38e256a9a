"""Compare a window of later rows with the reference profile, and say column by column whether they have drifted.

Two verdicts are given. `plain` is Evidently's: the distance from the whole reference is 0.1 or more. Ours compares with
the same phase of the quarter, and reports drift only beyond what the season, the sample and the number of looks explain.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from closecast.monitoring.columns import MISSING, UNSEEN
from closecast.monitoring.distances import by_chance, distance, mean, missing_by_chance, missing_distance
from closecast.monitoring.profile import FEWEST_DEALS, LEAST_SHARE, Matched, Profile, matched
from closecast.monitoring.sketch import Chunk, ProfileError, Sketch

LEAST = 0.1  # distance that matters, as Evidently has it
FALSE_PAGES_A_YEAR = 0.05
LOOKS_A_YEAR = 365
FEWEST_WEEKS = 8  # of the reference that could be compared with earlier ones in the same phase of the quarter


class State(StrEnum):
    """What a window or a column of it is found to be."""

    STABLE = "stable"
    DRIFT = "drift"
    MISSING_VALUES = "missing values"  # more or fewer than in the reference
    ALL_MISSING = "all missing"
    NOT_JUDGED = "not judged"  # the date and the question decide the column
    NO_MOVEMENT = "reference too short"  # under a quarter and FEWEST_WEEKS: how it moves by itself is not known
    EMPTY = "empty"
    TOO_FEW = "too few deals"
    NO_REFERENCE = "no reference"  # for these phases of the quarter and horizons
    OTHER_COLUMNS = "other columns"  # the profile belongs to a model with other features


PAGES = frozenset({State.DRIFT, State.MISSING_VALUES, State.ALL_MISSING})


@dataclass(frozen=True)
class ColumnDrift:
    """The verdicts on one column. Distances are Wasserstein over the standard deviation, or Jensen-Shannon."""

    name: str
    state: State
    distance: float  # from the same phase of the quarter; NaN where it is not known
    threshold: float  # above which it is drift
    missing: float  # share of the window's compared rows
    unseen: float  # share of them with a name or category that the reference lacks
    plain_distance: float  # from the whole reference
    statistic: str
    mean: float  # of the window's compared values; NaN of names
    reference_mean: float  # of the same phase of the quarter

    @property
    def plain_drift(self) -> bool:
        """Evidently's verdict."""
        return self.plain_distance >= LEAST


@dataclass(frozen=True)
class Look:
    """The result of one comparison."""

    state: State
    detail: str  # a sentence for a person
    rows: int = 0
    deals: int = 0  # distinct ones among the compared rows
    past_longest_cycle: float = float("nan")  # share of the rows: not compared
    other_horizons: float = float("nan")  # share of the rows, with horizons that the model was not trained for
    columns: tuple[ColumnDrift, ...] = ()

    @property
    def pages(self) -> tuple[str, ...]:
        """Columns for which somebody should be called."""
        return tuple(column.name for column in self.columns if column.state in PAGES)


def look(profile: Profile, window: Iterable[Chunk], names: tuple[str, ...], looks_a_year: int = LOOKS_A_YEAR) -> Look:
    """Compare a `window`, read chunk by chunk, whose columns are `names`.

    The level of each test is chosen so that `looks_a_year` looks at data without drift give FALSE_PAGES_A_YEAR false pages a
    year at most, as far as closecast.monitoring.distances bounds what chance does.
    """
    if difference := _difference(profile.layout.names, names):
        return Look(State.OTHER_COLUMNS, f"the profile and the rows differ in columns ({difference}): train anew")
    sketch = Sketch(profile.layout)
    try:
        for chunk in window:
            sketch.add(chunk)
    except ProfileError as error:
        return Look(State.OTHER_COLUMNS, str(error))
    return verdict(profile, sketch, looks_a_year)


def verdict(profile: Profile, window: Sketch, looks_a_year: int = LOOKS_A_YEAR) -> Look:
    """Compare a window that has been counted."""
    layout, rows, deals = profile.layout, window.rows, window.deals
    if not rows:
        return Look(State.EMPTY, "the window has no rows")
    dead, other = (float(window.counts[stratum, 0].sum() / rows) for stratum in (layout.dead, layout.other))
    found = matched(layout, profile.counts, profile.deals, profile.days, window)
    state, detail = _comparable(found, deals)
    columns = _columns(profile, window, found if state is State.STABLE else None, state, looks_a_year)
    if pages := [column for column in columns if column.state in PAGES]:
        state = State.DRIFT
        detail = "; ".join(f"{column.name}: {column.state}" for column in pages)
    elif state is State.STABLE and profile.weeks < FEWEST_WEEKS:
        state = State.NO_MOVEMENT
        detail = (
            f"{profile.weeks} weeks of the reference could be compared with weeks of the same phase of the quarter before them; "
            f"{FEWEST_WEEKS} or more are needed to tell drift from the season: only missing values were judged"
        )
    return Look(state, detail, rows, deals, dead, other, columns)


def _comparable(found: Matched | None, deals: int) -> tuple[State, str]:
    if deals < FEWEST_DEALS:
        return State.TOO_FEW, f"the window has {deals} deals that can be compared; {FEWEST_DEALS} or more are needed"
    if found is None or found.share < LEAST_SHARE:
        share = 0.0 if found is None else found.share
        return (
            State.NO_REFERENCE,
            f"the reference has only for {share:.0%} of the rows any of the same phase of the quarter and horizon",
        )
    return State.STABLE, "no column has drifted"


def _columns(
    profile: Profile, window: Sketch, found: Matched | None, state: State, looks_a_year: int
) -> tuple[ColumnDrift, ...]:
    layout = profile.layout
    level = FALSE_PAGES_A_YEAR / looks_a_year / (2 * len(layout.columns))  # Bonferroni: two tests of each column
    whole, now = profile.counts.sum(axis=0), window.counts.sum(axis=0)
    made = []
    for at, column in enumerate(layout.columns):
        counted = found.window[at] if found else now[at]
        missing, unseen = (float(counted[cell] / counted.sum()) for cell in (MISSING, UNSEEN))
        measured = threshold = float("nan")
        of_column = state
        if found:
            measured = distance(column, found.reference[at], counted, window.outside[1, at])
            worth = found.worth(column, window.deals)
            usual = profile.movement[at] * np.sqrt(found.quarters)
            threshold = float(max(LEAST, usual + by_chance(column, found.reference[at], worth, level)))
            of_column = _state(profile, at, found, measured, threshold, worth, level)
        made.append(
            ColumnDrift(
                column.name,
                of_column,
                measured,
                threshold,
                missing,
                unseen,
                distance(column, whole[at], now[at], window.outside[0, at]),
                "Jensen-Shannon" if column.categorical else "Wasserstein",
                mean(column, counted),
                mean(column, found.reference[at]) if found else float("nan"),
            )
        )
    return tuple(made)


def _state(
    profile: Profile, at: int, found: Matched, measured: float, threshold: float, worth: float, level: float
) -> State:
    column = profile.layout.columns[at]
    if not column.judged:
        return State.NOT_JUDGED
    reference, window = found.reference[at], found.window[at]
    if window[MISSING] == window.sum() and reference[MISSING] < 1 - LEAST:
        return State.ALL_MISSING
    if not column.may_lack and missing_distance(reference, window) > max(
        LEAST, missing_by_chance(reference, worth, level)
    ):
        return State.MISSING_VALUES
    if profile.weeks < FEWEST_WEEKS:
        return State.NO_MOVEMENT
    return State.DRIFT if measured > threshold else State.STABLE


def _difference(profile: tuple[str, ...], rows: tuple[str, ...]) -> str:
    if profile == rows:
        return ""
    return ", ".join(sorted(set(profile) ^ set(rows))) or "their order"
