"""What a year of benchmarks/simulate.py cost: log loss above that of the true chances, of what was served and of each model.

The excess of a prediction p of a deal whose true chance is q is q ln(q / p) + (1 - q) ln((1 - q) / (1 - p)): the log loss to be
expected beyond the least possible. It needs no outcome, so it has no luck in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.simulate_world import HORIZON, Span

Values = NDArray[np.float64]
_EDGE = 1e-6  # of probabilities
LEAST_RECOVERED = 0.7


@dataclass(frozen=True)
class Recovery:
    """Mean excess of predictions: `before` the drift, `harmed` from the drift to the promotion, both as served.

    `old` and `new` are of the former champion and of the one promoted, on the same predictions from the promotion on. NaN where
    there is nothing to measure.
    """

    before: float
    harmed: float
    old: float
    new: float

    @property
    def share(self) -> float:
        """Share of the lost log loss that is recovered: of what the former champion would go on losing since the drift."""
        return (self.old - self.new) / (self.old - self.before)


def scored(
    predictions: pd.DataFrame,
    chances: Callable[[pd.Index, date], Values],
    models: Mapping[str, Callable[[Values], Values]],
    names: int,
) -> pd.DataFrame:
    """The predictions of open deals with their true `chance` and `excess`, and `excess <version>` of each of `models`.

    `predictions` has deal, as_of (date), version, probability and features (bytes, of which the first line of `names` float64 is of
    the question). Those of deals that had closed already, without the CRM's showing it, are left out.
    """
    parts: list[pd.DataFrame] = []
    for as_of in sorted(set(predictions["as_of"])):
        part = predictions[predictions["as_of"] == as_of]
        q = chances(pd.Index(part["deal"]), as_of)
        kept, chance = part[~np.isnan(q)], q[~np.isnan(q)]
        matrix = np.stack([np.frombuffer(one, dtype="<f8", count=names) for one in kept["features"]])
        made = kept.assign(chance=chance, excess=excess(chance, kept["probability"].to_numpy(np.float64)))
        for version, predict in models.items():
            made[f"excess {version}"] = excess(chance, predict(matrix))
        parts.append(made.drop(columns="features"))
    return pd.concat(parts, ignore_index=True)


def excess(chance: Values, probability: Values) -> Values:
    """Expected log loss of each probability above that of the true chance, natural logarithm; shape kept."""
    q, p = (np.clip(one, _EDGE, 1 - _EDGE) for one in (chance, probability))
    return np.asarray(q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p)))


def recovery(table: pd.DataFrame, span: Span, old: str, new: str | None, promoted_on: date | None) -> Recovery:
    """Measure the `table` of `scored`: `old` and `new` are versions, None where no other was promoted."""
    day = table["as_of"]
    until = promoted_on or span.end + timedelta(days=1)
    # Windows of predictions made within HORIZON days before the drift reach into it.
    before = table[day < span.drift - timedelta(days=HORIZON)]
    harmed = table[(day >= span.drift) & (day < until)]
    after = table[day >= until]
    return Recovery(
        before["excess"].mean(),
        harmed["excess"].mean(),
        after[f"excess {old}"].mean(),
        float("nan") if new is None else after[f"excess {new}"].mean(),
    )
