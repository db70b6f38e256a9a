"""Settings of a synthetic export: size, span, effects, dirt and drift."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

FIRST_ENGAGED = date(2016, 10, 20)
LAST_DAY = date(2017, 12, 31)
_QUIET_DAYS = 4  # no deal is engaged in the export's last days
# Engagements by month from October 2016, as shared/data/README.md has them.
_ENGAGED_BY_MONTH = (7, 115, 236, 312, 515, 792, 874, 722, 792, 1198, 793, 779, 761, 283, 121)


@dataclass(frozen=True)
class Settings:
    """An export of `rows` deals engaged from `first_engaged` on, cut at the end of `last_day`.

    `agent_effect` and `product_effect` are standard deviations of log-odds of winning, `agent_hazard` and
    `product_hazard` of the logarithm of the factor on the daily hazard of closing; 0 makes all alike. `dirt` is the
    share of rows, 0 to 1, corrupted on purpose. From `drift_at` on, `drift_win` is added to the log-odds of winning and
    the hazard multiplied by `drift_hazard`. Raises ValueError for impossible settings.
    """

    rows: int
    agents: int = 30
    accounts: int = 85
    first_engaged: date = FIRST_ENGAGED
    last_day: date = LAST_DAY
    agent_effect: float = 0.3
    product_effect: float = 0.3
    agent_hazard: float = 0.0
    product_hazard: float = 0.0
    dirt: float = 0.0
    drift_at: date | None = None
    drift_win: float = 0.0
    drift_hazard: float = 1.0

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise ValueError(f"cannot make up {self.rows} deals; ask for 1 or more")
        for name in ("agents", "accounts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 1 or more")
        for name in ("agent_effect", "product_effect", "agent_hazard", "product_hazard"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a standard deviation of 0 or more")
        if not 0 <= self.dirt <= 1:
            raise ValueError(f"dirt is {self.dirt}; expected a share of the rows from 0 to 1")
        if not (np.isfinite(self.drift_win) and 0 < self.drift_hazard < np.inf):
            raise ValueError(
                f"drift_win is {self.drift_win} and drift_hazard {self.drift_hazard}; expected a finite change and a "
                "factor above 0"
            )
        if self.drift_at is None and (self.drift_win != 0 or self.drift_hazard != 1):
            raise ValueError("drift_win or drift_hazard is given without drift_at; say from which day on they hold")
        if self.last_engaged < self.first_engaged:
            raise ValueError(
                f"last_day {self.last_day} leaves no day to engage a deal; expected "
                f"{self.first_engaged + timedelta(days=_QUIET_DAYS)} or later"
            )

    @property
    def last_engaged(self) -> date:
        """The last day on which a deal can be engaged."""
        return self.last_day - timedelta(days=_QUIET_DAYS)

    def engage_days(self) -> NDArray[np.datetime64]:
        """Every day from `first_engaged` to `last_engaged`. Shape (days,), datetime64[D]."""
        return np.arange(np.datetime64(self.first_engaged, "D"), np.datetime64(self.last_engaged, "D") + 1)


def engaged_by(settings: Settings) -> NDArray[np.float64]:
    """Share of the deals engaged on or before each of `settings.engage_days()`. Shape (days,), float64, the last 1.

    The real file's months, stretched or shrunk to the span: few at first, a plateau, few at the end.
    """
    months = settings.engage_days().astype("M8[M]").astype(np.int64)
    months -= months[0]
    share = np.linspace(0, len(_ENGAGED_BY_MONTH) - 1, months[-1] + 1)
    weights = np.interp(share, np.arange(len(_ENGAGED_BY_MONTH)), _ENGAGED_BY_MONTH)
    total = np.cumsum((weights / np.bincount(months))[months])
    return np.asarray(total / total[-1], dtype=np.float64)
