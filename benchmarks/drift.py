"""`just bench drift [rows=1000000] [rounds=2] [seeds=2] [deals=9000]`: drift found from histograms, beside Evidently.

Measured are the time of one comparison, whether the verdicts agree column by column, false alarms on data without
drift, the public file replayed week by week, and how long planted drift takes to be found.
"""

import platform
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
from numpy.typing import NDArray

from benchmarks import arguments
from benchmarks.drift_planted import PLANTED
from closecast.deals.contract import check
from closecast.deals.horizon import horizon_days
from closecast.deals.snapshots import DEFAULT_HORIZONS
from closecast.deals.synthetic import generator
from closecast.features import WIN_CHANCE
from closecast.models import candidate
from closecast.models.hyperparameters import Hyperparameters
from closecast.models.scorer import Scorer
from closecast.models.training import Data
from closecast.monitoring import drift, rows
from closecast.monitoring.profile import Profile
from closecast.monitoring.sketch import Chunk
from closecast.monitoring.verdict import HARMFUL, conclude
from closecast.platform.sources.export import read_source

_PAGE = Path(__file__).with_name("drift.md")
_PUBLIC = Path(__file__).resolve().parents[2] / "shared" / "data" / "crm" / "sales_pipeline.csv"
_FIRST, _LAST, _CUT = date(2016, 1, 4), date(2018, 12, 31), date(2017, 10, 1)  # of made-up deals
_AT = (date(2017, 12, 31), date(2018, 2, 14))  # when drift is planted in them
_REAL_CUTS = (date(2017, 8, 25), date(2017, 9, 1), date(2017, 10, 1))
_REAL_AT = (date(2017, 9, 30), date(2017, 10, 25))
_WEEKS = 26  # in which planted drift has to be found
_RECENT = (28, 91)  # days of the windows of closed and of new deals
_DAY = np.timedelta64(1, "D")
_SHIFTS = (0.05, 0.09, 0.11, 0.2)  # standard deviations; Evidently's threshold is 0.1
_SAMPLE = 20_000  # rows of each side where verdicts are compared
_CHUNK = 100_000
_TARGET = 15
_THREADS = 2
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Watch:
    """The profiles of a model trained at a cut, and looks at later days."""

    cut: date
    scorer: Scorer | None  # None: the life table's chance stands for the score
    training: Chunk
    scored: Profile
    closed: Profile
    engaged: Profile

    @classmethod
    def of(cls, deals: pd.DataFrame, cut: date, fitted: bool) -> "Watch":
        data, begin = Data(deals, cut), np.datetime64("1970-01-01")
        scorer = candidate.fit_before(data, (Hyperparameters(),), 7, _THREADS, cut)[0] if fitted else None
        known = data.learnable(cut)
        training = _scored(data, scorer, known.deal, known.as_of, known.horizon_days)
        end = np.datetime64(cut, "D")
        return cls(
            cut,
            scorer,
            training,
            rows.scored_profile(training, data.deals),
            rows.closed_profile(rows.closed(data.deals).between(begin, end - _DAY)),
            rows.engaged_profile(rows.engaged(data.deals).between(begin, end)),
        )

    def looks(self, deals: pd.DataFrame, days: NDArray[np.datetime64]) -> Iterator[dict[str, drift.Look]]:
        """Looks at the open deals of each day, and at those closed and begun in the weeks before it."""
        data = Data(deals, self.cut)
        kinds = {"closed": (self.closed, rows.closed(data.deals)), "new": (self.engaged, rows.engaged(data.deals))}
        for day in days:
            found = {"open": _look(self.scored, _open(data, self.scorer, day))}
            for kind, (profile, every) in kinds.items():
                for recent in _RECENT:
                    first = max(day - np.timedelta64(recent, "D"), np.datetime64(self.cut, "D"))
                    window = every.between(first, day)
                    found[f"{kind} ({recent} days)"] = drift.look(
                        profile, [window], profile.layout.names, len(_RECENT) * drift.LOOKS_A_YEAR
                    )
            yield found


def _look(profile: Profile, window: Chunk) -> drift.Look:
    return drift.look(profile, window.parts(_CHUNK), profile.layout.names)


def _scored(
    data: Data,
    scorer: Scorer | None,
    deal: NDArray[np.int64],
    as_of: NDArray[np.datetime64],
    horizons: NDArray[np.int64],
) -> Chunk:
    matrix = data.builder.matrix(data.encoded_deals, deal, as_of, horizons)
    scores = matrix[:, WIN_CHANCE] if scorer is None else scorer.predict(matrix, _THREADS)
    return rows.scored(matrix, scores, as_of, horizons, deal)


def _open(data: Data, scorer: Scorer | None, day: np.datetime64) -> Chunk:
    """The deals open at the end of `day`, at every default horizon."""
    engaged, closed = (data.deals[name].to_numpy(dtype="M8[D]") for name in ("engage_date", "close_date"))
    deal = np.flatnonzero((engaged <= day) & ~(closed <= day))
    horizons = np.array(sorted({horizon_days(day.item(), one) for one in DEFAULT_HORIZONS}), dtype=np.int64)
    repeated = np.repeat(deal, len(horizons))
    return _scored(data, scorer, repeated, np.full(len(repeated), day), np.tile(horizons, len(deal)))


def made_up(settings: generator.Settings, seed: int) -> pd.DataFrame:
    """Accepted deals of a synthetic export."""
    return check(generator.generate_with_truth(settings, seed)[0]).accepted


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
    deals = made_up(generator.Settings(rows=max(5_000, count // 10), first_engaged=_FIRST, last_day=_LAST), 1)
    data, cut = Data(deals, _CUT), np.datetime64(_CUT, "D")
    sides = []
    for first, last, seed in ((cut - 300, cut, 1), (cut, cut + 300, 2)):
        whole = [_open(data, None, day) for day in np.arange(first, last, np.timedelta64(60, "D"))]
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
        found, seconds = _timed(lambda: _look(profile, window))
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
        f"{len(profile.to_bytes()) / 1e3:,.0f} kB. Peak memory of a comparison, in chunks of {_CHUNK:,}: {peaks[0]:.0f} MB for "
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
    drift.look(profile, (part for _ in range(times) for part in window.parts(_CHUNK)), profile.layout.names)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def agreement(real: Watch, real_deals: pd.DataFrame, calm: Watch, calm_deals: pd.DataFrame) -> list[str]:
    """Evidently's verdicts and those of the same rule on histograms, on samples of the same rows."""
    data, calm_data = Data(real_deals, real.cut), Data(calm_deals, calm.cut)
    cases = [
        *(
            ("the public file", real.training, _open(data, real.scorer, np.datetime64(day)))
            for day in ("2017-09-15", "2017-10-13", "2017-11-17", "2017-12-15")
        ),
        *(
            ("made up, without drift", calm.training, _open(calm_data, None, np.datetime64(day)))
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
        found = _look(rows.scored_profile(before, calm_deals), now)
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


def false_alarms(deals: int, seeds: range) -> list[str]:
    """A year of daily looks at data without drift."""
    lines, looked = [], 0
    paged: Counter[str] = Counter()
    plain: list[int] = []
    for seed in seeds:
        calm = made_up(generator.Settings(rows=deals, first_engaged=_FIRST, last_day=_LAST), seed)
        days = np.arange(np.datetime64(_CUT, "D"), np.datetime64(_CUT, "D") + 365) + _DAY
        for found in Watch.of(calm, _CUT, fitted=False).looks(calm, days):
            looked += 1
            paged.update(kind for kind, look in found.items() if look.pages)
            plain.append(sum(column.plain_drift for column in found["open"].columns))
        print(f"seed {seed}: {looked} looks, pages {dict(paged)}", flush=True)
    lines.append(
        f"{len(seeds)} exports of {deals:,} deals without drift, {looked} daily looks at the open, the closed and the new deals: "
        f"{sum(paged.values())} pages{''.join(f', {count} for {kind} deals' for kind, count in paged.items())} "
        f"(promised: at most {3 * drift.FALSE_PAGES_A_YEAR:.2f} a year). By Evidently's rule, {np.mean(np.array(plain) > 0):.0%} of "
        f"the days have a drifted column, and {np.mean(plain):.0f} of {len(rows.SCORED)} columns on average."
    )
    return lines


def replayed(deals: pd.DataFrame, watches: dict[date, Watch]) -> list[str]:
    """The public file, week by week after the cut."""
    lines = [
        "| trained until | looks | weeks that are shifted | weeks that are harmful, estimated | nearest to its threshold | "
        "Evidently's rule: drifted columns a week |"
    ]
    lines.append("|---|---|---|---|---|---|")
    for cut, watch in watches.items():
        days = np.arange(np.datetime64(cut, "D"), np.datetime64("2018-01-01"), np.timedelta64(7, "D"))
        paged, harmful, nearest, plain = 0, 0, (0.0, ""), []
        every = list(watch.looks(deals, days))
        for found in every:
            paged += any(look.pages for look in found.values())
            harmful += conclude(found, None, 0).verdict in HARMFUL
            plain.append(sum(column.plain_drift for column in found["open"].columns))
            nearest = max(nearest, *(_nearest(kind, look) for kind, look in found.items()))
        lines.append(
            f"| {cut} | {sum(map(len, every))} | {paged} | {harmful} | {nearest[1]}, {nearest[0]:.0%} of it | "
            f"{np.mean(plain):.0f} of {len(rows.SCORED)} |"
        )
        print(lines[-1], flush=True)
    return lines


def _nearest(kind: str, look: drift.Look) -> tuple[float, str]:
    judged = (column for column in look.columns if column.state in (drift.State.STABLE, drift.State.DRIFT))
    return max(((column.distance / column.threshold, f"{kind} {column.name}") for column in judged), default=(0.0, ""))


def planted(
    kind: str, watch: Watch, versions: dict[str, Callable[[date], pd.DataFrame]], days: tuple[date, ...]
) -> list[str]:
    """How long each planted drift takes to be found, with weekly looks."""
    lines = []
    for what, version in versions.items():
        for day in days:
            deals = version(day)
            last = min(np.datetime64(day, "D") + 7 * _WEEKS, deals["close_date"].max().to_datetime64().astype("M8[D]"))
            looks = np.arange(np.datetime64(day, "D") + 7, last + _DAY, np.timedelta64(7, "D"))
            lines.append(f"| {kind} | {what} | {day} | {_first_page(watch, deals, looks, day)} |")
            print(lines[-1], flush=True)
    return lines


def _first_page(watch: Watch, deals: pd.DataFrame, days: NDArray[np.datetime64], planted_at: date) -> str:
    for at, found in zip(days, watch.looks(deals, days), strict=True):
        named = [f"{kind} {name}" for kind, look in found.items() for name in look.pages]
        if named:
            rest = f" and {len(named) - 2} more" if len(named) > 2 else ""
            return f"{(at.item() - planted_at).days} days: {', '.join(named[:2])}{rest}"
    return f"**not found** in {(days[-1].item() - planted_at).days} days"


def main(given: list[str]) -> int:
    chosen = arguments.read(
        given,
        rows=arguments.whole(1_000_000, 10_000, most=10_000_000),
        rounds=arguments.whole(2, most=20),
        seeds=arguments.whole(2, most=50),
        deals=arguments.whole(9_000, 2_000, most=100_000),
    )
    public = check(read_source(f"file:{_PUBLIC}").frame).accepted
    watches = {cut: Watch.of(public, cut, fitted=True) for cut in _REAL_CUTS}
    settings = generator.Settings(rows=chosen["deals"], first_engaged=_FIRST, last_day=_LAST)
    calm_deals = made_up(settings, 1)
    calm = Watch.of(calm_deals, _CUT, fitted=False)
    changed = {
        "log-odds of winning 1 lower": {"drift_win": -1.0},
        "deals close twice as fast": {"drift_hazard": 2.0},
        "deals close half as fast": {"drift_hazard": 0.5},
    }
    made = {what: partial(_drifting, settings, change) for what, change in changed.items()}
    parts = {
        "Speed": speed(chosen["rows"], chosen["rounds"]),
        "Agreement with Evidently": agreement(watches[_REAL_CUTS[1]], public, calm, calm_deals),
        "Without drift": false_alarms(chosen["deals"], range(1, chosen["seeds"] + 1)),
        "The public file": replayed(public, watches),
        "Planted drift": [
            "| deals | planted | on | found after |",
            "|---|---|---|---|",
            *planted("made up", calm, made | _planted_into(calm_deals), _AT),
            *planted("public file", watches[_REAL_CUTS[1]], _planted_into(public), _REAL_AT),
        ],
    }
    lines = [
        "# `just bench drift`",
        "",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}. Made-up deals: {chosen['deals']:,} from "
        f"{_FIRST} to {_LAST}, trained until {_CUT}.",
        *(line for title, part in parts.items() for line in ("", f"## {title}", "", *part)),
    ]
    _PAGE.write_text("\n".join(lines) + "\n")
    print(_PAGE.read_text())
    return 0


def _planted_into(deals: pd.DataFrame) -> dict[str, Callable[[date], pd.DataFrame]]:
    return {what: partial(plant, deals) for what, plant in PLANTED.items()}


def _drifting(settings: generator.Settings, change: dict[str, float], day: date) -> pd.DataFrame:
    return made_up(replace(settings, drift_at=day, **change), 1)  # type: ignore[arg-type]


if __name__ == "__main__":
    arguments.run(main)
