"""What an export must contain before models can be compared on it: both outcomes, open deals, and enough time."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.snapshots import weekly_as_of_dates
from closecast.models.data import Data

MINIMUM_DEALS = 20  # won, and lost: fewer are no evidence
LONG_ENOUGH = 182  # days: then both targets are measured on a quarter's end that the model did not learn from
_OPEN_SHARE = 0.05
_PAUSE = 28  # days without a close that are reported
# An agent or product with this share of the wins, and less than a fifth of it of all other deals, is a name that deals
# get when they are won: target leakage.
_MANY_WINS, _FEW_OTHERS = 0.1, 0.2


@dataclass(frozen=True)
class Export:
    """The facts of one export. Open deals are counted at its end, and as the median of its weekly as-of dates."""

    won: int
    lost: int
    open_at_end: int
    usually_open: int
    first: date  # close
    end: date
    leaking_name: str = ""  # a name that leaks the outcome, as a sentence

    @classmethod
    def of(cls, data: Data) -> "Export":
        deals, plan = data.deals, data.plan
        begun, ended = (np.sort(deals[name].dropna().to_numpy(dtype="M8[D]")) for name in ("engage_date", "close_date"))
        moments = np.append(weekly_as_of_dates(plan.first, plan.end), np.datetime64(plan.end, "D"))
        still = np.searchsorted(begun, moments, side="right") - np.searchsorted(ended, moments, side="right")
        return cls(
            won=int((deals["deal_stage"] == "Won").sum()),
            lost=int((deals["deal_stage"] == "Lost").sum()),
            open_at_end=int(still[-1]),
            usually_open=int(np.median(still[:-1])),
            first=plan.first,
            end=plan.end,
            leaking_name=_leaking_name(deals),
        )

    @property
    def days(self) -> int:
        """From the first close to the end."""
        return (self.end - self.first).days

    def shortfalls(self) -> dict[str, str]:
        """What is missing for training and evaluation, by name, each as a sentence that says what to do."""
        found = {}
        for stage, count in (("Won", self.won), ("Lost", self.lost)):
            if count < MINIMUM_DEALS:
                found[f"{stage.lower()} deals"] = self._too_few(stage, count)
        if self.open_at_end < max(1, _OPEN_SHARE * self.usually_open):
            found["open deals"] = (
                f"{self.open_at_end or 'no'} deals are open at the end of the data, {self.end}, where {self.usually_open:,} "
                "usually are: a model would believe that every deal closes; export the open deals (Engaging) too"
            )
        if self.leaking_name:
            found["names"] = self.leaking_name
        if self.days < LONG_ENOUGH:
            found["time"] = (
                f"the export is short: {self.days} days from its first close on {self.first} to its end on {self.end}; "
                f"export {LONG_ENOUGH} days or more, or come back in about {_months(LONG_ENOUGH - self.days)}"
            )
        return found

    def _too_few(self, stage: str, count: int) -> str:
        closed = self.won + self.lost
        if not count:
            blind = "a model would take every close for a win" if stage == "Lost" else "a model would know no win"
            return f"none of the {closed:,} closed deals is {stage}: {blind}; export the {stage.lower()} deals too"
        lacking = MINIMUM_DEALS - count
        # At the pace so far.
        wait = _months(round(lacking * max(1, self.days) / count))
        return (
            f"only {count} of the {closed:,} closed deals are {stage}: needed are {MINIMUM_DEALS} or more; export {lacking} "
            f"more, or come back in about {wait}"
        )


def _months(days: int) -> str:
    months = max(1, round(days / 30.4))
    return "a month" if months == 1 else f"{months} months"


def _leaking_name(deals: pd.DataFrame) -> str:
    won = (deals["deal_stage"] == "Won").to_numpy()
    for column, word in (("sales_agent", "agent"), ("product", "product")):
        shares = pd.DataFrame(
            {
                "won": deals[column][won].value_counts(normalize=True),
                "others": deals[column][~won].value_counts(normalize=True),
            }
        ).fillna(0.0)
        odd = shares[(shares["won"] >= _MANY_WINS) & (shares["others"] < _FEW_OTHERS * shares["won"])]
        if len(odd) and won.sum() >= MINIMUM_DEALS:
            name, share = odd["won"].idxmax(), odd.loc[odd["won"].idxmax()]
            return (
                f"the {word} {name} has {share['won']:.0%} of the deals won and {share['others']:.0%} of all others: the name "
                f"tells the future if deals get it when they are won; export the {word} that a deal had while it was open"
            )
    return ""


def odd_dates(data: Data) -> list[str]:
    """Close dates that look wrong, each as a sentence: a pause before the end, or most wins on one day."""
    found, deals, end = [], data.deals, np.datetime64(data.plan.end, "D")
    before = closing_days(data)
    before = before[before < end]
    if len(before) and end - before[-1] > np.timedelta64(_PAUSE, "D"):
        last = deals.loc[(deals[["engage_date", "close_date"]] == end).any(axis=1), "opportunity_id"]
        whose = f"of the deal {last.iloc[0]}" + (f" and {len(last) - 1} others" if len(last) > 1 else "")
        found.append(
            f"no deal closes between {before[-1]} and {end}, the last date, that {whose}: correct it if it is wrong, or "
            "name the export's date as as_of"
        )
    won = deals.loc[deals["deal_stage"] == "Won", "close_date"]
    late = won[won >= np.datetime64(data.plan.cut, "D")].value_counts()
    if len(late) and late.iloc[0] > max(MINIMUM_DEALS, late.sum() / 2):
        found.append(
            f"{late.iloc[0]:,} of the {late.sum():,} deals won from {data.plan.cut} on closed on one day, "
            f"{late.index[0].date()}: correct the dates that an import may have set"
        )
    return found


def closing_days(data: Data) -> NDArray[np.datetime64]:
    """The distinct days on which deals close, ascending; datetime64[D]."""
    return np.unique(data.deals["close_date"].dropna().to_numpy(dtype="M8[D]"))
