"""How synthetic deals close and are won: daily hazards by age and month of the quarter, and log-odds by calendar day."""

import numpy as np
from numpy.typing import NDArray

from closecast.deals.calendar import CALENDAR_YEAR
from closecast.deals.synthetic.settings import Settings

LONGEST = 138  # days from engagement to the latest close
NEVER_CLOSES = 0.15  # of all deals; those that outlive LONGEST bring the total to the real file's 16 %
# Chance of closing at an age, in days, given that the deal can close and is open; fitted to the real file's closes, see
# shared/data/README.md. By month of the quarter: ages, and chances with straight lines between them. In a quarter's
# first month nothing older than a fortnight closes.
_CHANCES: dict[int, tuple[tuple[int, ...], tuple[float, ...]]] = {
    1: (
        (1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14),
        (0.105, 0.095, 0.008, 0.022, 0.040, 0.062, 0.115, 0.120, 0.090, 0.060, 0.022, 0.000),
    ),
    2: (
        (1, 4, 8, 11, 14, 18, 21, 35, 50, 62, 80, 90, 105, 115, 125, 138),
        (
            0.012,
            0.017,
            0.027,
            0.031,
            0.026,
            0.012,
            0.002,
            0.005,
            0.013,
            0.021,
            0.038,
            0.046,
            0.062,
            0.075,
            0.120,
            0.190,
        ),
    ),
    3: (
        (1, 4, 8, 11, 14, 18, 21, 35, 50, 62, 75, 90, 105, 115, 125, 138),
        (
            0.005,
            0.010,
            0.018,
            0.024,
            0.024,
            0.018,
            0.003,
            0.003,
            0.011,
            0.020,
            0.046,
            0.072,
            0.085,
            0.100,
            0.140,
            0.220,
        ),
    ),
}
_WIN_SHARES = (0.49, 0.55, 0.80)  # of the closes, by month of the quarter in which a deal closes


def cumulative_hazards(settings: Settings) -> NDArray[np.float64]:
    """Cumulative hazard from engagement to each age of a deal that can close.

    Shape (engage days, LONGEST + 1), float64.

    Entry (e, a) is the sum of -log(1 - h) over ages 1 to a along the calendar that begins at `engage_days()[e]`, so a
    factor f on the hazard gives the survival exp(-f x entry): proportional hazards (Cox, 1972). Column 0 is 0.
    """
    ages = np.arange(1, LONGEST + 1)
    rates = np.array([-np.log1p(-np.interp(ages, known, chances)) for known, chances in _CHANCES.values()])
    days = settings.engage_days()[:, None] + ages
    daily = rates[CALENDAR_YEAR.month_of_quarter(days) - 1, ages - 1]
    daily[_drifted(settings, days)] *= settings.drift_hazard
    return np.pad(np.cumsum(daily, axis=1), ((0, 0), (1, 0)))


def win_log_odds(settings: Settings) -> NDArray[np.float64]:
    """Log-odds that an average deal closing on a day is won.

    Shape (engage days + LONGEST,), from `first_engaged` on.
    """
    first = np.datetime64(settings.first_engaged, "D")
    days = first + np.arange(len(settings.engage_days()) + LONGEST)
    shares = np.array(_WIN_SHARES)[CALENDAR_YEAR.month_of_quarter(days) - 1]
    return np.asarray(np.log(shares / (1 - shares)) + settings.drift_win * _drifted(settings, days))


def close_ages(
    hazards: NDArray[np.float64], engaged: NDArray[np.int64], wait: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Age at which the cumulative hazard reaches `wait`, LONGEST + 1 where it never does. Shape (n,), int64, days.

    `engaged` are rows of `hazards`. With `wait` from Exp(1) over the deal's factor, this draws from the survival that
    `cumulative_hazards` describes by inverse transform (Devroye 1986, ch. VI.2).
    """
    # One sorted list of all rows, each shifted above the last: a single search instead of one per engage date.
    height = hazards[:, -1].max() + 2
    lifted = (hazards + height * np.arange(len(hazards))[:, None]).ravel()
    found = np.searchsorted(lifted, np.minimum(wait, height - 1) + height * engaged)
    return np.asarray(found - engaged * hazards.shape[1])


def _drifted(settings: Settings, days: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    if settings.drift_at is None:
        return np.zeros(days.shape, dtype=np.bool_)
    return np.asarray(days >= np.datetime64(settings.drift_at, "D"))
