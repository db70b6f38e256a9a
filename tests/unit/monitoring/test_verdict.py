"""The verdict: which of several findings holds, and what is said of it."""

from datetime import date

import pytest

from closecast.monitoring.drift import ColumnDrift, Look, State
from closecast.monitoring.rows import EXPECTED_LOSS
from closecast.monitoring.verdict import HARMFUL, Verdict, conclude

_NAN = float("nan")


def _column(name: str, state: State, mean: float = _NAN, reference: float = _NAN) -> ColumnDrift:
    return ColumnDrift(name, state, 0.3, 0.1, 0.0, 0.0, 0.3, "Wasserstein", mean, reference)


def _look(*columns: ColumnDrift, state: State = State.STABLE) -> Look:
    moved = any(column.state is State.DRIFT for column in columns)
    return Look(State.DRIFT if moved else state, "score: drift" if moved else "no column has drifted", columns=columns)


_STABLE = _look(_column("score", State.STABLE), _column(EXPECTED_LOSS, State.STABLE, 0.3, 0.3))
_MOVED = _look(_column("score", State.DRIFT), _column(EXPECTED_LOSS, State.STABLE, 0.33, 0.3))
_HARDER = _look(_column("score", State.STABLE), _column(EXPECTED_LOSS, State.DRIFT, 0.36, 0.3))
_EASIER = _look(_column("score", State.STABLE), _column(EXPECTED_LOSS, State.DRIFT, 0.2, 0.3))
_SLIGHTLY = _look(_column("score", State.STABLE), _column(EXPECTED_LOSS, State.DRIFT, 0.32, 0.3))
_FEW = Look(State.TOO_FEW, "the window has 3 deals that can be compared; 30 or more are needed")


@pytest.mark.parametrize(
    ("looks", "proved_on", "matured", "expected"),
    [
        ({"open": _STABLE}, None, 0, Verdict.STEADY),
        ({"open": _MOVED}, None, 900, Verdict.SHIFTED),
        ({"open": _STABLE, "new (28 days)": _MOVED}, None, 900, Verdict.SHIFTED),
        ({"open": _HARDER}, None, 0, Verdict.ESTIMATED),
        ({"open": _EASIER}, None, 0, Verdict.SHIFTED),
        ({"open": _SLIGHTLY}, None, 0, Verdict.SHIFTED),
        ({"closed (28 days)": _HARDER}, None, 0, Verdict.SHIFTED),  # only scored rows have an expected log loss
        ({"open": _HARDER}, date(2018, 3, 1), 900, Verdict.PROVED),
        ({"open": _STABLE}, date(2018, 3, 1), 900, Verdict.PROVED),
        ({"open": _FEW}, None, 0, Verdict.NOT_JUDGED),
        ({"open": _FEW}, None, 12, Verdict.STEADY),
        ({}, None, 0, Verdict.NOT_JUDGED),
    ],
)
def test_the_most_serious_finding_holds(
    looks: dict[str, Look], proved_on: date | None, matured: int, expected: Verdict
) -> None:
    found = conclude(looks, proved_on, matured)
    assert found.verdict is expected
    assert found.reasons


def test_all_findings_are_told_the_most_serious_first() -> None:
    found = conclude({"open": _HARDER, "new (28 days)": _MOVED}, date(2018, 3, 1), 900)
    assert found.reasons[0] == "outcomes prove since 2018-03-01 that the chances are wrong"
    assert found.reasons[1] == ("a log loss of 0.360 is to be expected, 20% more than in the same weeks of the quarter")
    assert len(found.reasons) == 4


def test_only_harm_is_harmful() -> None:
    assert {Verdict.ESTIMATED, Verdict.PROVED} == HARMFUL
