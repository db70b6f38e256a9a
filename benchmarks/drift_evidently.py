"""Drift found from histograms beside Evidently's own preset: time and verdicts, for `just bench drift`."""

import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import TypeVar

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

from benchmarks.drift_watch import CHUNK, CUT, FIRST, LAST, Watch, look, made_up, open_deals
from closecast.deals.synthetic import generator
from closecast.models.data import Data
from closecast.monitoring import drift, rows
from closecast.monitoring.profile import Profile
from closecast.monitoring.sketch import Chunk

_SHIFTS = (0.05, 0.09, 0.11, 0.2)  # standard deviations; Evidently's threshold is 0.1
_SAMPLE = 20_000  # rows of each side where verdicts are compared
_TARGET = 15
_Found = TypeVar("_Found")


def evidently(reference: pd.DataFrame, window: pd.DataFrame) -> dict[str, float]:
    """The distance of each column by Evidently's preset for data drift; 0.1 or more is drift."""
    definition = DataDefinition(numerical_columns=list(window.columns))
    before, now = (Dataset.from_pandas(frame, data_definition=definition) for frame in (reference, window))
    metrics = Report([DataDriftPreset()]).run(now, before).dict()["metrics"]
    return {one["config"]["column"]: float(one["value"]) for one in metrics if "column" in one["config"]}


def _frame(chunk: Chunk) -> pd.DataFrame:
    return pd.DataFrame(chunk.numbers, columns=list(rows.SCORED))


def _drawn(chunk: Chunk, count: int, seed: int) -> Chunk:
    return chunk[np.random.default_rng(seed).choice(len(chunk), count, replace=len(chunk) < count)]


def speed(count: int, rounds: int) -> list[str]:
    """Both compare a window of `count` rows with a reference of as many."""
    deals = made_up(generator.Settings(rows=max(5_000, count // 10), first_engaged=FIRST, last_day=LAST), 1)
    data, cut = Data(deals, CUT), np.datetime64(CUT, "D")
    sides = []
    for first, last, seed in ((cut - 300, cut, 1), (cut, cut + 300, 2)):
        whole = [open_deals(data, None, day) for day in np.arange(first, last, np.timedelta64(60, "D"))]
        parts = [_drawn(part, count // len(whole) + 1, seed) for part in whole]
        sides.append(parts)
    reference, window = (_joined(parts) for parts in sides)
    del data
    begin = time.perf_counter()
    profile = rows.scored_profile(reference, deals)
    made = time.perf_counter() - begin
    frames = _frame(reference), _frame(window)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        found, seconds = _timed(lambda: look(profile, window))
        ours.append(seconds)
        expected, seconds = _timed(lambda: evidently(*frames))
        theirs.append(seconds)
        print(f"{count:,} rows: ours {ours[-1]:.2f} s, Evidently {theirs[-1]:.1f} s", flush=True)
    same = sum(column.plain_drift == (expected[column.name] >= drift.LEAST) for column in found.columns)
    ratios = [one / other for one, other in zip(theirs, ours, strict=True)]
    peaks = [_peak(profile, window, times) for times in (1, 5)]
    return [
        f"One window of {len(window):,} rows x {len(rows.SCORED)} columns, the reference as large; {rounds} rounds in turn, "
        "processor time (other work shares the machine):",
        "",
        "| | median | spread |",
        "|---|---|---|",
        f"| Evidently's preset for data drift, s | {median(theirs):.1f} | {min(theirs):.1f} to {max(theirs):.1f} |",
        f"| ours, from the profile, s | {median(ours):.2f} | {min(ours):.2f} to {max(ours):.2f} |",
        f"| ratio (target {_TARGET}) | {median(ratios):.0f} | {min(ratios):.0f} to {max(ratios):.0f} |",
        "",
        f"The same verdict on {same} of {len(found.columns)} columns. The profile was made once in {made:.0f} s and has "
        f"{len(profile.to_bytes()) / 1e3:,.0f} kB. Peak memory of a comparison, in chunks of {CHUNK:,}: {peaks[0]:.0f} MB for "
        f"{len(window):,} rows, {peaks[1]:.0f} MB for {5 * len(window):,}.",
    ]


def _joined(parts: list[Chunk]) -> Chunk:
    return Chunk(
        np.concatenate([part.as_of for part in parts]),
        np.concatenate([part.horizon_days for part in parts]),
        np.concatenate([part.deal for part in parts]),
        np.concatenate([part.age_days for part in parts]),
        np.concatenate([part.live for part in parts]),
        np.concatenate([part.numbers for part in parts]),
    )


def _timed(call: Callable[[], _Found]) -> tuple[_Found, float]:
    begin = time.process_time()
    return call(), time.process_time() - begin


def _peak(profile: Profile, window: Chunk, times: int) -> float:
    """Megabytes that a comparison of the window, repeated, takes at most."""
    tracemalloc.start()
    drift.look(profile, (part for _ in range(times) for part in window.parts(CHUNK)), profile.layout.names)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def agreement(real: Watch, real_deals: pd.DataFrame, calm: Watch, calm_deals: pd.DataFrame) -> list[str]:
    """Evidently's verdicts and those of the same rule on histograms, on samples of the same rows."""
    data, calm_data = Data(real_deals, real.cut), Data(calm_deals, calm.cut)
    cases = [
        *(
            ("the public file", real.training, open_deals(data, real.scorer, np.datetime64(day)))
            for day in ("2017-09-15", "2017-10-13", "2017-11-17", "2017-12-15")
        ),
        *(
            ("made up, without drift", calm.training, open_deals(calm_data, None, np.datetime64(day)))
            for day in ("2017-11-15", "2018-04-11")
        ),
        *(
            (
                f"the mean of every column moved by {shift} standard deviations",
                calm.training,
                _moved(_drawn(calm.training, _SAMPLE, 3), shift),
            )
            for shift in _SHIFTS
        ),
    ]
    same: dict[str, list[int]] = {}
    by_column: Counter[str] = Counter()
    gaps = []
    for what, reference, window in cases:
        before, now = _drawn(reference, _SAMPLE, 1), _drawn(window, _SAMPLE, 2)
        expected = evidently(_frame(before), _frame(now))
        found = look(rows.scored_profile(before, calm_deals), now)
        for column in found.columns:
            agree = column.plain_drift == (expected[column.name] >= drift.LEAST)
            by_column[column.name] += not agree
            same.setdefault(what, []).append(agree)
            if column.statistic == "Wasserstein" and np.isfinite(column.plain_distance):
                gaps.append(
                    abs(column.plain_distance - expected[column.name]) / max(expected[column.name], drift.LEAST)
                )
    other = ", ".join(f"{name} ({count})" for name, count in by_column.most_common() if count) or "none"
    return [
        f"The rule of Evidently's preset (Wasserstein over the standard deviation, or Jensen-Shannon up to five values, 0.1 or "
        f"more), computed from histograms, on the same {_SAMPLE:,} rows of each side:",
        "",
        "| rows | columns compared | same verdict |",
        "|---|---|---|",
        *(f"| {what} | {len(one)} | {sum(one)} |" for what, one in same.items()),
        "",
        f"Columns with another verdict, and how often in {len(cases)} cases: {other}. The Wasserstein distance differs from "
        f"Evidently's by {np.median(gaps):.2%} (median; at most {max(gaps):.1%}).",
    ]


def _moved(chunk: Chunk, shift: float) -> Chunk:
    """A share of the rows takes each column's 95th percentile, so that its mean moves by `shift` standard deviations."""
    numbers = chunk.numbers.copy()
    random = np.random.default_rng(5)
    for column in numbers.T:
        high = np.quantile(column, 0.95)
        room = high - column.mean()
        if room > 0:
            column[random.random(len(column)) < shift * column.std() / room] = high
    return replace(chunk, numbers=numbers)
