"""Rounds of open-loop load in turn, with and without something: percentiles of each, and their quotients."""

from typing import Any

from benchmarks.serving.context import spread
from benchmarks.serving.openloop import Open

RATE = 500.0  # requests/s
WARM_UP_SECONDS = 3
FIGURES = ("p50", "p90", "p99")


def compared(seen: dict[str, list[Open]]) -> dict[str, Any]:
    """The percentiles in milliseconds of the rounds "with" and "without", and the quotients of those that followed each other."""
    found: dict[str, Any] = {
        name: {figure: spread([getattr(one, figure) for one in results]) for figure in FIGURES}
        for name, results in seen.items()
    }
    pairs = list(zip(seen["with"], seen["without"], strict=True))
    found["quotients"] = {
        figure: spread([getattr(one, figure) / getattr(other, figure) for one, other in pairs]) for figure in FIGURES
    }
    return found
