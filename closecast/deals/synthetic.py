"""An export made up from a seed, with the real data's shape: when deals close matters, who sells what does not."""

import string
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.features.calendar import month_of_quarter

FIRST_ENGAGED = date(2016, 10, 20)
LAST_DAY = date(2017, 12, 31)
# The shape is that of shared/data/README.md: engagements by month from October 2016, list prices, shares of products.
_ENGAGED_BY_MONTH = (7, 115, 236, 312, 515, 792, 874, 722, 792, 1198, 793, 779, 761, 283, 121)
_PRODUCTS = {
    "GTX Basic": (0.212, 550), "MG Special": (0.188, 55), "GTXPro": (0.168, 4_821), "MG Advanced": (0.160, 3_393),
    "GTX Plus Basic": (0.157, 1_096), "GTX Plus Pro": (0.110, 5_482), "GTK 500": (0.005, 26_768),
}  # fmt: skip
_AGENTS = [
    f"{first} {last}"
    for first in ("Ada", "Boris", "Carmen", "Dilip", "Elif", "Femi")
    for last in ("Abbott", "Berg", "Castro", "Dahl", "Egan")
]
_ACCOUNTS = [
    f"{name} {form}"
    for name in ("Alder", "Birch", "Cedar", "Damson", "Elder", "Fir", "Gorse", "Hazel", "Ivy", "Juniper", "Larch",
                 "Maple", "Nettle", "Oak", "Pine", "Quince", "Rowan")
    for form in ("Foods", "Group", "Labs", "Logistics", "Works")
]  # fmt: skip
_PROSPECTING = 0.057
_WITHOUT_ACCOUNT = 0.16  # at random: in the real file only open deals lack it, which tells the future
_NEVER_CLOSES = 0.16
_WON_AT_QUARTER_END = 0.80  # share of the closes in a quarter's last month
_WON_OTHERWISE = 0.53


def generate(rows: int, seed: int) -> pd.DataFrame:
    """A raw export of `rows` deals in the contract's eight columns, all text, missing values as empty text.

    Each day an open deal closes with a hazard by its age (two humps: within two weeks, and after two months), and is
    then won with a chance by the month of the quarter; some deals never close; the export is cut at LAST_DAY. The same
    `rows` and `seed` give the same frame. Raises ValueError for fewer than one row.
    """
    if rows < 1:
        raise ValueError(f"cannot make up {rows} deals; ask for 1 or more")
    random = np.random.default_rng(seed)
    engaged = _engage_dates(rows, random)
    closed, won = _outcomes(engaged, random)
    open_still = np.isnat(closed)
    prospecting = random.random(rows) < _PROSPECTING
    names = list(_PRODUCTS)
    weights = np.array([share for share, _ in _PRODUCTS.values()])
    product = random.choice(len(names), size=rows, p=weights / weights.sum())
    prices = np.array([price for _, price in _PRODUCTS.values()])[product]
    paid = np.round(prices * random.lognormal(0.0, 0.1, rows)).astype(np.int64)
    stage = np.where(open_still, "Engaging", np.where(won, "Won", "Lost"))
    account = random.choice(_ACCOUNTS, size=rows)
    account[random.random(rows) < _WITHOUT_ACCOUNT] = ""
    deals = pd.DataFrame(
        {
            "opportunity_id": _identifiers(rows, random),
            "sales_agent": random.choice(_AGENTS, size=rows),
            "product": np.array(names)[product],
            "account": account,
            "deal_stage": np.where(prospecting, "Prospecting", stage),
            "engage_date": np.where(prospecting, "", engaged.astype(str)),
            "close_date": np.where(prospecting | open_still, "", closed.astype(str)),
            "close_value": np.where(prospecting | open_still, "", np.where(won, paid, 0).astype(str)),
        }
    )
    return deals.astype(object)


def _identifiers(rows: int, random: np.random.Generator) -> list[str]:
    """Distinct, eight characters each."""
    digits = string.digits + string.ascii_uppercase
    # A step prime to the range visits every number once: distinct without remembering what was drawn.
    size, step = 36**8, 1_000_003
    numbers = (int(random.integers(size)) + step * np.arange(rows)) % size
    places = (numbers[:, None] // 36 ** np.arange(7, -1, -1)) % 36
    return ["".join(digits[place] for place in number) for number in places]


def _engage_dates(rows: int, random: np.random.Generator) -> NDArray[np.datetime64]:
    first = np.datetime64(FIRST_ENGAGED, "M")
    weights = np.array(_ENGAGED_BY_MONTH) / sum(_ENGAGED_BY_MONTH)
    months = first + random.choice(len(weights), size=rows, p=weights)
    begin = np.maximum(months.astype("M8[D]"), np.datetime64(FIRST_ENGAGED))
    # Nobody engages a deal in the export's last days.
    end = np.minimum((months + 1).astype("M8[D]"), np.datetime64(LAST_DAY) - 3)
    length = (end - begin).astype(np.int64)
    dates: NDArray[np.datetime64] = begin + (random.random(rows) * length).astype(np.int64)
    return dates


def _hazard(age: NDArray[np.int64]) -> NDArray[np.float64]:
    """Chance that a deal which does close closes on this day of its age, given that it is open. Ages in days, >= 1."""
    first_hump = np.where(age <= 7, 0.024, np.where(age <= 14, 0.038, 0.002))
    second_hump = np.interp(age, [35, 75, 110, 138], [0.0, 0.022, 0.045, 0.12])
    return np.maximum(first_hump, second_hump)


def _outcomes(
    engaged: NDArray[np.datetime64], random: np.random.Generator
) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Close date, NaT while open at LAST_DAY, and whether won; day by day, the two outcomes competing."""
    closed = np.full(len(engaged), np.datetime64("NaT"), dtype="M8[D]")
    won = np.zeros(len(engaged), dtype=np.bool_)
    can_close = random.random(len(engaged)) >= _NEVER_CLOSES
    for day in np.arange(np.datetime64(FIRST_ENGAGED), np.datetime64(LAST_DAY) + 1):
        candidates = np.flatnonzero(can_close & np.isnat(closed) & (engaged < day))
        age = np.asarray(day - engaged[candidates], dtype="m8[D]").astype(np.int64)
        closing = candidates[random.random(len(candidates)) < _hazard(age)]
        last_month = month_of_quarter(np.array([day]))[0] == 3
        closed[closing] = day
        won[closing] = random.random(len(closing)) < (_WON_AT_QUARTER_END if last_month else _WON_OTHERWISE)
    return closed, won
