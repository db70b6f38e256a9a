"""Two models compared deal by deal: the one that serves and one that answers the same questions in shadow.

For each deal both gave a probability before its outcome was known. The score is the log loss of the served model less that of
the shadow model: above 0 where the shadow model was better. Its confidence sequence (closecast.monitoring.confidence, after
Choe and Ramdas, Comparing sequential forecasters, Operations Research, 2024) may be looked at every day. One question of a
deal at a time counts (closecast.monitoring.matured.counting, of the pair).

The sequence needs bounded scores, and a small bound finds small differences sooner. So probabilities are taken to be 0.1 % to
99.9 %, and a score beyond BOUND counts as BOUND: a model that is confidently wrong about one deal loses no more than a factor
of e there. What is tested is the mean of these scores. A model that is better on most deals and disastrous on a few could
gain by that, so it is called better only while the mean of the scores without BOUND is on its side too.

Where the guesses of the sequence begin is known before any outcome: the score expected of each deal if the model that would be
proved better is right. How long it will take is forecast from how much the two disagree: if the shadow model's probabilities are right, the expected
score of a deal is the Kullback-Leibler divergence between the two, and its variance is known too. Outcomes replace this as they
come. The forecast before any outcome is therefore that of a shadow model that is right: one that is better by less takes longer.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.models import metrics
from closecast.monitoring import confidence

PAIR_COLUMNS = ("deal", "as_of", "matured_on", "served", "shadow", "counts")
ALPHA = 0.01  # probability that a model that is not better is ever called better; the same for worse
BOUND = 1.0  # of a deal's score, natural logarithm
_EDGE = 1e-3
_FORECAST_WEIGHT = 100  # deals: how many outcomes weigh as much as the forecast that is made without any
_PACE_DAYS = 28  # of the latest questions, from which the pace of new ones is taken

Values = NDArray[np.float64]
Verdict = Literal["better", "worse", "inconclusive"]
BETTER: Verdict = "better"
WORSE: Verdict = "worse"
INCONCLUSIVE: Verdict = "inconclusive"


@dataclass(frozen=True)
class Forecast:
    """What is missing for a verdict: more matured deals, and the day on which they will probably have matured.

    Both are None where no end is in sight: the models hardly differ. `likely_by` alone is None where nothing is asked.
    """

    deals: int | None
    likely_by: date | None


@dataclass(frozen=True)
class Comparison:
    """What the outcomes say of the shadow model beside the served one.

    `mean` is the mean score of the deals that count, with its bounds `low` and `high` at all looks at once; `plain` is the mean
    without BOUND. All four are 0 or +-BOUND without deals.
    """

    verdict: Verdict
    decided_on: date | None  # the first day with this verdict; None while inconclusive
    deals: int
    mean: float
    low: float
    high: float
    plain: float
    forecast: Forecast | None  # of an inconclusive one

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        figures = (
            f"log loss of the served model less the shadow model's {self.mean:+.4f} "
            f"(99 % bounds {self.low:+.4f} to {self.high:+.4f}) over {self.deals:,} deals"
        )
        if self.forecast is None:
            return f"the shadow model is {self.verdict}, proved on {self.decided_on}: {figures}"
        if self.forecast.deals is None:
            return f"inconclusive, and no end is in sight, since the models hardly differ: {figures}"
        when = "" if self.forecast.likely_by is None else f", likely by {self.forecast.likely_by}"
        return f"inconclusive, about {self.forecast.deals:,} more matured deals needed{when}: {figures}"


def compare(judged: pd.DataFrame, waiting: pd.DataFrame, today: date, alpha: float = ALPHA) -> Comparison:
    """Compare by the pairs that are `judged`; those that are `waiting` for their outcome say how long it will take.

    Both have PAIR_COLUMNS: deal, as_of and matured_on (datetime64), the probabilities `served` and `shadow`, and `counts`;
    `judged` has `won` (0 or 1) too. `today` is the day up to which outcomes are known. Empty tables are allowed.
    """
    chosen = judged[judged["counts"]]
    day = chosen["matured_on"].to_numpy(dtype="M8[D]").astype(np.int64)
    plain, score = _scores(chosen)
    up, down = _expected_scores(chosen)[0], _expected_scores(_swapped(chosen))[0]
    for_it = confidence.sequence(day, score, BOUND, alpha, (up, down))
    _, against = confidence.log_evidence(day, -score, BOUND, down)
    verdict, decided_on = _first_verdict(for_it, against, _totals(day, plain), alpha)
    return Comparison(
        verdict,
        decided_on,
        len(chosen),
        float(for_it.mean[-1]) if len(day) else 0.0,
        float(for_it.low[-1]) if len(day) else -BOUND,
        float(for_it.high[-1]) if len(day) else BOUND,
        float(plain.mean()) if len(day) else 0.0,
        _forecast(score, for_it, chosen, waiting[waiting["counts"]], today, alpha) if verdict == INCONCLUSIVE else None,
    )


def _first_verdict(
    for_it: confidence.Sequence, against: Values, plain: Values, alpha: float
) -> tuple[Verdict, date | None]:
    is_better = (for_it.log_evidence > -np.log(alpha)) & (plain > 0)
    is_worse = (against > -np.log(alpha)) & (plain < 0)
    decided = np.flatnonzero(is_better | is_worse)
    if not len(decided):
        return INCONCLUSIVE, None
    first = decided[0]
    on: date = np.datetime64(int(for_it.day[first]), "D").item()
    return (BETTER if is_better[first] else WORSE), on


def _scores(pairs: pd.DataFrame) -> tuple[Values, Values]:
    """The scores without and with BOUND, (n,)."""
    won = pairs["won"].to_numpy(np.int8)
    found = metrics.losses(won, _clipped(pairs["served"])) - metrics.losses(won, _clipped(pairs["shadow"]))
    return found, np.clip(found, -BOUND, BOUND)


def _totals(day: NDArray[np.int64], value: Values) -> Values:
    """The sum of the values up to each day that has some."""
    _, at = np.unique(day, return_inverse=True)
    return np.cumsum(np.bincount(at, value)) if len(day) else np.zeros(0)


def _forecast(
    score: Values,
    found: confidence.Sequence,
    judged: pd.DataFrame,
    waiting: pd.DataFrame,
    today: date,
    alpha: float,
) -> Forecast:
    mean, variance = expected(waiting if len(waiting) else judged)
    total, spent = float(score.sum()), float(found.variance[-1]) if len(found.variance) else 0.0
    known = len(score)
    mean = (_FORECAST_WEIGHT * mean + total) / (_FORECAST_WEIGHT + known)
    variance = (_FORECAST_WEIGHT * variance + spent) / (_FORECAST_WEIGHT + known)
    side = 1.0 if mean > 0 else -1.0
    needed = confidence.values_needed(abs(mean), variance, side * total, spent, BOUND, alpha) if mean else None
    return Forecast(needed, None if needed is None else _when(needed, judged, waiting, today))


def expected(pairs: pd.DataFrame) -> tuple[float, float]:
    """Mean and variance of a deal's score if the shadow model's probabilities are right; both 0 without pairs."""
    if not len(pairs):
        return 0.0, 0.0
    means, squares = _expected_scores(pairs)
    mean = float(means.mean())
    return mean, float(squares.mean()) - mean**2


def _expected_scores(pairs: pd.DataFrame) -> tuple[Values, Values]:
    """The expected score of each pair, and that of its square, (n,), if the shadow model's probabilities are right."""
    served, shadow = _clipped(pairs["served"]), _clipped(pairs["shadow"])
    won, lost = (
        np.clip(metrics.losses(end, served) - metrics.losses(end, shadow), -BOUND, BOUND)
        for end in (np.ones(len(pairs), np.int8), np.zeros(len(pairs), np.int8))
    )
    return shadow * won + (1 - shadow) * lost, shadow * won**2 + (1 - shadow) * lost**2


def _swapped(pairs: pd.DataFrame) -> pd.DataFrame:
    return pairs.assign(served=pairs["shadow"], shadow=pairs["served"])


def _when(needed: int, judged: pd.DataFrame, waiting: pd.DataFrame, today: date) -> date | None:
    """The day on which `needed` more deals have matured: of those that wait, then of new ones at the present pace."""
    due = np.sort(waiting["matured_on"].to_numpy(dtype="M8[D]"))
    if needed <= len(due):
        on: date = due[max(needed, 1) - 1].item()
        return max(on, today)
    asked = np.concatenate([one["as_of"].to_numpy(dtype="M8[D]") for one in (judged, waiting)])
    if not len(asked):
        return None
    # Deals that were open when the shadow began all count at once: only questions of the days after show the pace.
    begun = max(asked.min() + 1, asked.max() - _PACE_DAYS + 1)
    span = max(int((asked.max() - begun).astype(int)) + 1, 1)
    pace = float((asked >= begun).sum()) / span
    if not pace:
        return None
    last: date = due[-1].item() if len(due) else today
    return max(last, today) + timedelta(days=int(np.ceil((needed - len(due)) / pace)))


def _clipped(probabilities: "pd.Series[float]") -> Values:
    return np.clip(probabilities.to_numpy(np.float64), _EDGE, 1 - _EDGE)
