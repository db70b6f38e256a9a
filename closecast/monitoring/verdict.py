"""The verdict on the served model, from what moved, what is expected and what outcomes prove."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from closecast.monitoring.drift import Look, State
from closecast.monitoring.rows import EXPECTED_LOSS

LEAST_RISE = 0.1  # of the expected log loss: a smaller rise is no harm, however certain


class Verdict(StrEnum):
    """What a day's look found. Only the two harmful ones alert somebody or retrain."""

    STEADY = "steady"
    SHIFTED = "shifted"  # inputs or scores moved: a note
    ESTIMATED = "harmful, estimated"  # deals have become harder to tell, by the model's own probabilities
    PROVED = "harmful, proved"  # outcomes say so
    NOT_JUDGED = "not judged"  # nothing could be compared


HARMFUL = frozenset({Verdict.ESTIMATED, Verdict.PROVED})


@dataclass(frozen=True)
class Finding:
    """A verdict, and why, in sentences for a person."""

    verdict: Verdict
    reasons: tuple[str, ...]


def conclude(looks: Mapping[str, Look], proved_on: date | None, matured: int) -> Finding:
    """Combine looks (by what was looked at, "open" being scored rows) with what outcomes prove.

    `proved_on` is the day of closecast.monitoring.performance.first_proof, and `matured` the number of predictions that it
    rests on. The most serious verdict holds; the reasons of all of them are given.
    """
    proofs = [] if proved_on is None else [f"outcomes prove since {proved_on} that the chances are wrong"]
    rises = [sentence for name in ("open",) if name in looks for sentence in _rise(looks[name])]
    moved = [f"{kind} deals: {look.detail}" for kind, look in looks.items() if look.pages]
    if proofs or rises:
        return Finding(Verdict.PROVED if proofs else Verdict.ESTIMATED, (*proofs, *rises, *moved))
    if moved:
        return Finding(Verdict.SHIFTED, tuple(moved))
    compared = [kind for kind, look in looks.items() if look.state is State.STABLE]
    if compared or matured:
        seen = [f"{' and '.join(compared)} deals look as they did"] if compared else []
        outcomes = [f"{matured:,} predictions with outcomes prove no harm"] if matured else []
        return Finding(Verdict.STEADY, (*seen, *outcomes))
    none = [f"{kind} deals: {look.detail}" for kind, look in looks.items()]
    return Finding(Verdict.NOT_JUDGED, (*none, "no prediction has matured"))


def _rise(look: Look) -> list[str]:
    """The sentence that the expected log loss of scored rows has risen, if it has."""
    for column in look.columns:
        if column.name == EXPECTED_LOSS and column.state is State.DRIFT:
            risen = column.mean / column.reference_mean - 1 if column.reference_mean > 0 else 0.0
            if risen >= LEAST_RISE:
                return [
                    f"a log loss of {column.mean:.3f} is to be expected, {risen:.0%} more than in the same weeks of the quarter"
                ]
    return []
