"""The generator's own probabilities: they come true, and nothing scores better."""

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from closecast.deals.snapshots import training_rows
from closecast.deals.synthetic.generator import Settings, Truth, generate_with_truth, win_probability

ROWS = 400_000
PLAIN = Settings(rows=ROWS)
VARIED = Settings(rows=ROWS, agents=8, agent_effect=0.6, agent_hazard=0.4, product_hazard=0.3)
DRIFTING = Settings(rows=ROWS, drift_at=date(2017, 7, 20), drift_win=-0.8, drift_hazard=1.6)
AS_OF = (date(2017, 4, 10), date(2017, 7, 5), date(2017, 8, 31))


@cache
def made(settings: Settings) -> tuple[pd.DataFrame, Truth]:
    raw, truth = generate_with_truth(settings, seed=13)
    deals = raw.drop(columns=["account", "close_value"])
    for name in ("engage_date", "close_date"):
        deals[name] = pd.to_datetime(deals[name].replace("", None))
    return deals, truth


def asked(settings: Settings, as_of: date, days: int) -> tuple[NDArray[np.float64], NDArray[np.int8], pd.DataFrame]:
    """Predicted probability and what happened, for each deal open at `as_of`, and those deals."""
    deals, truth = made(settings)
    rows = training_rows(deals, np.array([as_of], dtype="M8[D]"), [days], settings.last_day)
    still_open = deals.iloc[rows.deal]
    return win_probability(truth, still_open, as_of, days), rows.won, still_open


def log_loss(probability: NDArray[np.float64], won: NDArray[np.int8]) -> float:
    clipped = np.clip(probability, 1e-12, 1 - 1e-12)
    return float(-np.where(won == 1, np.log(clipped), np.log1p(-clipped)).mean())


@pytest.mark.parametrize("settings", [PLAIN, VARIED, DRIFTING], ids=["plain", "varied", "drifting"])
@pytest.mark.parametrize("as_of", AS_OF, ids=str)
@pytest.mark.parametrize("days", [7, 30, 90])
def test_probabilities_come_true_in_every_bin(settings: Settings, as_of: date, days: int) -> None:
    # given
    probability, won, _ = asked(settings, as_of, days)
    assert len(won) > 50_000
    # when: bins of about equal size, deals with the same probability together
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, 13)[1:-1]))
    places = np.searchsorted(edges, probability, side="right")
    # then: no bin is further off than chance explains (4 deviations; some 300 bins are judged in all)
    for place in np.unique(places):
        predicted, happened = probability[places == place], won[places == place]
        deviation = np.sqrt((predicted * (1 - predicted)).sum())
        assert abs(happened.sum() - predicted.sum()) <= 4 * deviation


@pytest.mark.parametrize("settings", [VARIED, DRIFTING], ids=["varied", "drifting"])
def test_probabilities_come_true_for_each_agent_product_and_age(settings: Settings) -> None:
    # given
    as_of = AS_OF[1]
    probability, won, deals = asked(settings, as_of, 60)
    age = (pd.Timestamp(as_of) - deals["engage_date"]).dt.days // 10
    # then
    for group in (deals["sales_agent"], deals["product"], age):
        sums = (
            pd.DataFrame({"p": probability, "v": probability * (1 - probability), "won": won})
            .groupby(group.to_numpy())
            .sum()
        )
        assert (abs(sums["won"] - sums["p"]) <= 4 * np.sqrt(sums["v"])).all()


@pytest.mark.parametrize("settings", [PLAIN, DRIFTING], ids=["plain", "drifting"])
def test_no_perturbation_of_the_truth_scores_better(settings: Settings) -> None:
    # given: live deals, of which the answer is not plainly 0
    probability, won, deals = asked(settings, date(2017, 8, 15), 60)
    live = probability > 0
    probability, won, deals = probability[live], won[live], deals[live]
    assert len(won) > 50_000
    log_odds = np.log(probability / (1 - probability))
    random = np.random.default_rng(0)
    flat = made(Settings(rows=1, agent_effect=0, product_effect=0))[1]

    def moved(change: NDArray[np.float64] | float, slope: float = 1.0) -> NDArray[np.float64]:
        return np.asarray(1 / (1 + np.exp(-(slope * log_odds + change))))

    # when
    perturbed = {
        "higher": moved(0.1),
        "lower": moved(-0.1),
        "sharper": moved(0, slope=1.1),
        "flatter": moved(0, slope=0.9),
        "noisy": moved(random.normal(0, 0.15, len(won))),
        "base rate": np.full(len(won), won.mean()),
        "without agents, products and drift": win_probability(flat, deals, date(2017, 8, 15), 60),
    }
    # then
    best = log_loss(probability, won)
    assert {name for name, other in perturbed.items() if log_loss(other, won) <= best} == set()
