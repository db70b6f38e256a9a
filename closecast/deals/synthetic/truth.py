"""The true parameters of a synthetic export, and the exact probability that a deal is won."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.dates import read_dates
from closecast.deals.synthetic.hazards import LONGEST, NEVER_CLOSES, cumulative_hazards, win_log_odds
from closecast.deals.synthetic.names import PRODUCT_SHARES, PRODUCTS, agent_names
from closecast.deals.synthetic.settings import Settings
from closecast.deals.vocabulary import PRODUCT_ALIASES

_AT_A_TIME = 16_384  # deals, each of LONGEST days: bounds the memory


@dataclass(frozen=True)
class Truth:
    """The true parameters of one synthetic export. They don't depend on its number of deals."""

    settings: Settings
    seed: int
    agent_win: NDArray[np.float64]  # (agents,), log-odds of winning
    agent_hazard: NDArray[np.float64]  # (agents,), logarithm of the factor on the hazard
    product_win: NDArray[np.float64]  # (products,)
    product_hazard: NDArray[np.float64]  # (products,)
    hazards: NDArray[np.float64]  # (engage days, LONGEST + 1), see cumulative_hazards
    log_odds: NDArray[np.float64]  # (engage days + LONGEST,), see win_log_odds

    def factors(self, agent: NDArray[np.int64], product: NDArray[np.int64]) -> NDArray[np.float64]:
        """Factor on the hazard of deals by their agents and products, as positions. Shape (n,)."""
        return np.asarray(np.exp(self.agent_hazard[agent] + self.product_hazard[product]))

    def win_chances(
        self, day: NDArray[np.int64], agent: NDArray[np.int64], product: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Chance that a deal closing `day` days after `first_engaged` is won; the arguments broadcast."""
        log_odds = self.log_odds[day] + self.agent_win[agent] + self.product_win[product]
        return np.asarray(1 / (1 + np.exp(-log_odds)))


def truth_of(settings: Settings, seed: int) -> Truth:
    """Draw the true parameters for `settings` and `seed`. Raises ValueError for a negative seed."""
    # Deals draw from the keys (1, block): what is drawn here cannot depend on how many there are.
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    alike = np.full(settings.agents, 1 / settings.agents)
    return Truth(
        settings=settings,
        seed=seed,
        agent_win=_effects(settings.agent_effect, alike, random),
        agent_hazard=_effects(settings.agent_hazard, alike, random),
        product_win=_effects(settings.product_effect, PRODUCT_SHARES, random),
        product_hazard=_effects(settings.product_hazard, PRODUCT_SHARES, random),
        hazards=cumulative_hazards(settings),
        log_odds=win_log_odds(settings),
    )


def win_probability(
    truth: Truth,
    deals: pd.DataFrame,
    as_of: date | NDArray[np.datetime64],
    horizon_days: int | NDArray[np.int64],
) -> NDArray[np.float64]:
    """Chance that each deal, open at the end of `as_of`, closes Won within the next `horizon_days` days. Shape (n,).

    `deals` is a frame of the export, raw or accepted (closecast.deals.contract), of which sales_agent, product and
    engage_date are read: not the outcome. `as_of` and `horizon_days` are one value or one for each deal. NaN where a
    deal has no readable engage date or is engaged after `as_of`. Whether an open deal can close at all is not known;
    with c the share that can, S its survival and w the chance of winning a close, the answer follows from Bayes:
    c sum[(S(d - 1) - S(d)) w(d)] / (1 - c + c S(as_of)), the sum over the days d of the horizon. Raises ValueError for
    a horizon below 0, and for an agent, product or engage date that these settings cannot have made up.
    """
    if np.any(np.asarray(horizon_days) < 0):
        raise ValueError(f"horizon_days is {np.min(horizon_days)}; expected 0 or more")
    read = _engaged(truth, deals["engage_date"])
    agent = _positions(deals["sales_agent"], agent_names(truth.settings.agents))
    product = _positions(deals["product"].replace(PRODUCT_ALIASES), [PRODUCT_ALIASES.get(p, p) for p in PRODUCTS])
    moment = (np.asarray(as_of, dtype="M8[D]") - np.datetime64(truth.settings.first_engaged, "D")).astype(np.int64)
    age = np.where(read < 0, -1, moment - read)
    answer = np.where(age < 0, np.nan, 0.0)
    alive = np.flatnonzero((age >= 0) & (age < LONGEST))
    until = np.broadcast_to(np.minimum(age + horizon_days, LONGEST), age.shape)
    columns = (read[alive], age[alive], until[alive], agent[alive], product[alive])
    shape = (len(truth.hazards), LONGEST + 1, LONGEST + 1, len(truth.agent_win), len(truth.product_win))
    # Many deals share engage date, agent and product: compute each combination once.
    kinds, kind = np.unique(np.ravel_multi_index(columns, shape), return_inverse=True)
    chances = [
        _chances(truth, *(part.astype(np.int64) for part in np.unravel_index(kinds[first : first + _AT_A_TIME], shape)))
        for first in range(0, len(kinds), _AT_A_TIME)
    ]
    if chances:
        answer[alive] = np.concatenate(chances)[kind]
    return answer


def _chances(
    truth: Truth,
    engaged: NDArray[np.int64],
    age: NDArray[np.int64],
    until: NDArray[np.int64],
    agent: NDArray[np.int64],
    product: NDArray[np.int64],
) -> NDArray[np.float64]:
    survival = np.exp(-truth.factors(agent, product)[:, None] * truth.hazards[engaged])
    ages = np.arange(1, LONGEST + 1)
    asked = (ages > age[:, None]) & (ages <= until[:, None])
    won = truth.win_chances(engaged[:, None] + ages, agent[:, None], product[:, None])
    mass = ((survival[:, :-1] - survival[:, 1:]) * won * asked).sum(axis=1)
    still = np.take_along_axis(survival, age[:, None], axis=1)[:, 0]
    can_close = 1 - NEVER_CLOSES
    return np.asarray(can_close * mass / (NEVER_CLOSES + can_close * still))


def _effects(deviation: float, shares: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Normal effects, centred so that they cancel out over all deals and do not shift the seasons."""
    drawn = deviation * random.standard_normal(len(shares))
    return np.asarray(drawn - drawn @ shares)


def _engaged(truth: Truth, column: "pd.Series[Any]") -> NDArray[np.int64]:
    """Days from `first_engaged` to each engage date, -1 where there is none."""
    dates = column if pd.api.types.is_datetime64_any_dtype(column) else read_dates(column)
    days = dates.to_numpy(dtype="M8[D]") - np.datetime64(truth.settings.first_engaged, "D")
    known = ~np.isnat(days)
    read = np.where(known, days, np.timedelta64(-1, "D")).astype(np.int64)
    strange = known & ((read < 0) | (read >= len(truth.hazards)))
    if strange.any():
        raise ValueError(
            f"engage_date {column.iloc[int(strange.argmax())]} is not from {truth.settings.first_engaged} to "
            f"{truth.settings.last_engaged}; expected deals made up with these settings"
        )
    return read


def _positions(column: "pd.Series[Any]", names: list[str]) -> NDArray[np.int64]:
    found = pd.Index(names).get_indexer(pd.Index(column))
    if (found < 0).any():
        raise ValueError(
            f"{column.name} {column.iloc[int((found < 0).argmax())]!r} is none of the {len(names)} made up; expected "
            "deals made up with these settings"
        )
    return np.asarray(found, dtype=np.int64)
