"""What log loss and share won to expect of predictions that have not matured yet, from their own probabilities.

If each probability is right, a prediction p has the expected log loss H(p) = -p log p - (1 - p) log(1 - p), and wins p deals
(confidence-based performance estimation; Guillory and others, Predicting with confidence on unseen distributions, 2021,
and NannyML's CBPE are of that kind). It answers the day a prediction is made, weeks before its outcome.

Its limits: it takes the probabilities' word. It sees that deals have become harder or easier to tell, because then the
probabilities move. It can't see concept drift: when like deals end otherwise than they did, the probabilities stay and
are wrong. Then the estimate stays as it was while the log loss grows. Only outcomes tell (closecast.monitoring.performance).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from closecast.models import metrics
from closecast.monitoring.performance import entropy


@dataclass(frozen=True)
class Estimate:
    """Expected figures of some predictions, each deal counting once, with the standard deviations that chance alone gives."""

    deals: int
    log_loss: float
    log_loss_deviation: float
    share_won: float
    share_won_deviation: float


def expected(predictions: pd.DataFrame) -> Estimate:
    """Estimate log loss and share won, each the mean over deals of the mean over their predictions.

    `predictions` has deal and probability. Predictions of one deal are taken to share its fate entirely, deals to be
    independent; NaN without predictions.
    """
    p = predictions["probability"].to_numpy(np.float64)
    yes, no = (metrics.losses(np.full(p.shape, won, np.int8), p) for won in (1, 0))
    # Deviations of one deal's predictions add up linearly, because they share its fate.
    rows = pd.DataFrame(
        {
            "loss": entropy(p),
            "loss_deviation": np.sqrt(p * (1 - p)) * np.abs(yes - no),
            "won": p,
            "won_deviation": np.sqrt(p * (1 - p)),
        }
    )
    deals = rows.groupby(predictions["deal"].to_numpy(), sort=False).mean()
    count = len(deals)
    mean, deviation = deals.mean(), np.sqrt((deals**2).sum()) / max(count, 1)
    return Estimate(
        count,
        float(mean["loss"]),
        float(deviation["loss_deviation"]),
        float(mean["won"]),
        float(deviation["won_deviation"]),
    )
