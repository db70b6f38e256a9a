"""`just bench features`: snapshot rows per second compared with plain pandas, at four sizes, with peak memory."""

import json
import platform
import resource
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from benchmarks import arguments, features_pandas
from closecast.deals.contract import check
from closecast.deals.synthetic.generator import generate
from closecast.features import NAMES, FeatureBuilder, History
from closecast.features.build import STAGES
from closecast.features.stages import UNKNOWN

_RESULT = Path(__file__).with_name("features.json")
_PAGE = Path(__file__).with_name("features.md")
_END = date(2017, 12, 31)
_DATES = [date(2017, 3, 2) + timedelta(days=28 * number) for number in range(11)]
_HORIZON = 30
_CHUNK = 250_000


def ours(deals: pd.DataFrame) -> int:
    """Build every row in chunks; returns their number."""
    builder = FeatureBuilder(History(deals, _END))
    subjects = builder.history.encode(deals)
    engaged, closed = (deals[name].to_numpy("M8[D]") for name in ("engage_date", "close_date"))
    rows = 0
    for day in _DATES:
        moment = np.datetime64(day)
        deal = np.flatnonzero((engaged <= moment) & ~(closed <= moment))
        for first in range(0, len(deal), _CHUNK):
            part = deal[first : first + _CHUNK]
            made = builder.matrix(subjects, part, np.full(len(part), moment), np.full(len(part), _HORIZON))
            rows += len(made)
    return rows


def plain(deals: pd.DataFrame) -> int:
    """Build every row with pandas; returns their number."""
    return sum(len(one) for one in features_pandas.features(deals, [pd.Timestamp(day) for day in _DATES], _HORIZON))


def rate(build: Callable[[pd.DataFrame], int], deals: pd.DataFrame) -> float:
    """Rows per second, from accepted deals to feature values."""
    begin = time.perf_counter()
    rows = build(deals)
    return rows / (time.perf_counter() - begin)


def same_values(deals: pd.DataFrame) -> None:
    """Check that both give the same values, to 9 digits. Raises AssertionError naming the column otherwise."""
    builder = FeatureBuilder(History(deals, _END))
    subjects = builder.history.encode(deals)
    days = [pd.Timestamp(day) for day in _DATES]
    for day, expected in zip(days, features_pandas.features(deals, days, _HORIZON), strict=True):
        count = len(expected)
        made = builder.matrix(
            subjects,
            expected.index.to_numpy(),
            np.full(count, day.to_datetime64()).astype("M8[D]"),
            np.full(count, _HORIZON),
        )
        assert (made[:, STAGES] == UNKNOWN).all()
        for column, name in enumerate(NAMES[: STAGES.start]):
            np.testing.assert_allclose(
                made[:, column], expected[name].to_numpy(float), rtol=1e-9, atol=1e-9, err_msg=name
            )


def deals_of(rows: int) -> pd.DataFrame:
    """Engaged deals of a synthetic export."""
    made = check(generate(rows, seed=7)).accepted
    return made[made["engage_date"].notna()].reset_index(drop=True)


def main(given: list[str]) -> int:
    """`rounds=3` and `deals=1000000` may be given."""
    chosen = arguments.read(
        given, rounds=arguments.whole(3, most=100), deals=arguments.whole(1_000_000, 1_000, most=10_000_000)
    )
    rounds, largest = chosen["rounds"], chosen["deals"]
    same_values(deals_of(20_000))
    print("both give the same values on 20,000 deals")
    deals = deals_of(largest)
    results: dict[str, list[float]] = {}
    for number in range(rounds):
        results.setdefault("pandas", []).append(rate(plain, deals))
        for share in (8, 4, 2, 1):
            part = deals.iloc[: len(deals) // share].reset_index(drop=True)
            results.setdefault(f"closecast, {largest // share:,} deals", []).append(rate(ours, part))
        print(
            f"round {number + 1} of {rounds}: "
            + ", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in results.items())
        )
    fastest = results[f"closecast, {largest:,} deals"]
    ratios = [one / other for one, other in zip(fastest, results["pandas"], strict=True)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    lines = [
        "# `just bench features`",
        "",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}; {largest:,} made-up deals, "
        f"{len(_DATES)} as-of dates, {len(NAMES)} features; {rounds} rounds. Other work shares the machine: look at the spread.",
        "",
        "| builder | snapshot rows a second, median | spread |",
        "|---|---|---|",
        *(
            f"| {name} | {median(values):,.0f} | {min(values):,.0f} to {max(values):,.0f} |"
            for name, values in results.items()
        ),
        "",
        f"Ratio to pandas on {largest:,} deals: {median(ratios):.1f} (spread {min(ratios):.1f} to {max(ratios):.1f}; "
        f"target 8). Rows are built {_CHUNK:,} at a time; peak memory of the whole run, the deals and pandas included: "
        f"{peak:,.0f} MB.",
    ]
    _PAGE.write_text("\n".join(lines) + "\n")
    _RESULT.write_text(json.dumps({"rows_a_second": results, "ratio": ratios, "peak_mb": peak}, indent=1) + "\n")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    arguments.run(main)
