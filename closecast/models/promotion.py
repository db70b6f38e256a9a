"""The rule by which a candidate becomes champion, on evidence from rows that neither has seen.

The champion that serves was refitted on all its rows, so held-out rows are no longer news to it. What is compared is
therefore its evaluation twin: the booster kept beside it that was fitted only on rows whose label window ended before
its own cut. Where that cut is not after the candidate's, the twin has seen none of the candidate's held-out rows. A
champion from other data (another source and another file hash), from a later cut or with other features cannot be
compared so; then the candidate stands on its evidence against the base rate alone, and the decision says so.
"""

from dataclasses import dataclass

from closecast.models.deal_model import ModelCard
from closecast.models.evaluation import TARGETS

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Decision:
    """Whether the candidate is promoted, and each reason in one sentence with its numbers."""

    promoted: bool
    reasons: tuple[str, ...]


def incomparable(candidate: ModelCard, champion: ModelCard) -> str | None:
    """Why the champion's twin cannot be measured on the candidate's held-out rows; None when it can."""
    same_data = candidate.source_sha256 == champion.source_sha256
    if not same_data and candidate.source != champion.source:
        return f"the champion was trained on other data ({champion.source}), so there are no rows to compare both on"
    if champion.cut > candidate.cut:
        return f"the champion's cut, {champion.cut}, is after the candidate's, {candidate.cut}: it knows rows held out here"
    return None


def decide(
    metrics: dict[str, float],
    references: dict[str, float],
    champion: dict[str, float] | None = None,
    without_champion: str = "there is no champion yet",
) -> Decision:
    """Promoted only if better than the base rate and, given `champion`'s metrics, not worse than it, at every target.

    All three hold log losses measured on the same held-out rows, named as in closecast.models.evaluation.
    `without_champion` says why there are no champion metrics.
    """
    passed: list[str] = []
    failed: list[str] = []
    for target in TARGETS:
        own, base = metrics[f"log_loss_{target}"], references[f"base_rate_log_loss_{target}"]
        verdict, reasons = ("below", passed) if own < base else ("not below", failed)
        reasons.append(f"{target}: held-out log loss {own:.4f} is {verdict} the base rate's {base:.4f}")
        if champion is not None:
            theirs = champion[f"log_loss_{target}"]
            verdict, reasons = ("not above", passed) if own <= theirs + _ROUNDING else ("above", failed)
            reasons.append(f"{target}: held-out log loss {own:.4f} is {verdict} the champion's {theirs:.4f}")
    if champion is None:
        passed.append(f"not compared with a champion: {without_champion}")
    return Decision(not failed, tuple(failed or passed))
