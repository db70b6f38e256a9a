"""The data quality score of an export: one number, and the five parts it is computed from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from types import MappingProxyType
from typing import ClassVar

import pandas as pd

from closecast.deals.contract import CheckedDeals
from closecast.deals.vocabulary import CLOSED, PRODUCT_ALIASES, RAW_COLUMNS

MINIMUM = 0.93
FRESH_DAYS = 7  # a weekly export counts as fresh
STALE_DAYS = 98  # a quarter and a week: the season of the open deals is over
_ALIAS_CREDIT = 0.5  # a known alias of a product is repaired, but the export still uses two names for it
_ALWAYS = ("opportunity_id", "sales_agent", "product", "deal_stage")
_IF_CLOSED = ("account", "close_date", "close_value")
_COUNTS = {
    "completeness": "share of the cells that a deal's stage requires which are not empty",
    "validity": "share of the cells that are not empty which are readable, in the vocabulary and in range",
    "consistency": "share of the rows whose dates and stage do not contradict each other; a product alias counts half",
    "uniqueness": "share of the rows whose opportunity_id appears once",
    "timeliness": "share of the weeks with an engagement or a close, less what the last of them is out of date",
}
_ADVICE = {
    "completeness": "fill the empty cells that a deal's stage requires",
    "validity": "write dates as YYYY-MM-DD, amounts as numbers and missing values as empty cells",
    "consistency": "correct the dates and stages that contradict each other, and use one name for each product",
    "uniqueness": "export each opportunity once",
    "timeliness": "draw a newer export, without gaps",
    "accepted": "correct the rejected rows at the source, each of which states its reasons",
}


class QualityError(ValueError):
    """The export's score is below the minimum."""


@dataclass(frozen=True)
class Quality:
    """Five parts and the share of rows accepted, each 0 (worst) to 1 (best); defined in `assess`."""

    completeness: float
    validity: float
    consistency: float
    uniqueness: float
    timeliness: float
    accepted: float

    weights: ClassVar[Mapping[str, float]] = MappingProxyType(
        {"completeness": 0.25, "validity": 0.25, "consistency": 0.25, "uniqueness": 0.15, "timeliness": 0.10}
    )

    @property
    def parts(self) -> dict[str, float]:
        """The value of each weighted part by name, in the order of `weights`."""
        return {name: getattr(self, name) for name in self.weights}

    @property
    def score(self) -> float:
        """The weighted mean of the parts, but never above the share of rows accepted; 0..1.

        One bad cell makes a row unusable but is only an eighth of its cells: without the limit, an export with every
        fifth row lost would still score 0.97.
        """
        mean = sum(weight * self.parts[name] for name, weight in self.weights.items())
        return min(mean, self.accepted)

    def as_dict(self) -> dict[str, float]:
        """`score`, the five parts and `accepted`, by name: flat, as metrics are logged."""
        return {"score": self.score, **asdict(self)}

    def table(self) -> list[dict[str, str | float]]:
        """One row per part, with the keys part, value, weight and counts (a description)."""
        return [
            {"part": name, "value": value, "weight": self.weights[name], "counts": _COUNTS[name]}
            for name, value in self.parts.items()
        ]


def assess(raw: pd.DataFrame, checked: CheckedDeals, as_of: date | None = None) -> Quality:
    """Assess the quality of a raw export, text columns as read; `checked` is the result of `check(raw)`.

    - completeness: cells that are not blank / cells required. Required are identifier, agent, product and stage; the
      engage date unless Prospecting; account, close date and close value if closed. Open deals may lack an account.
    - validity: cells that no reason calls unreadable, -1, outside the vocabulary or out of range / cells not blank.
    - consistency: the mean over rows of 0 if the row breaks a rule across columns (order of dates; dates and value
      against the stage), else 0.5 if its product is an alias (GTXPro), else 1.
    - uniqueness: rows whose opportunity_id is given and appears once / rows.
    - timeliness: coverage x freshness, of the accepted deals. Coverage: of the weeks from the first close to the last
      event (from the first event, if nothing closed), counted back from that event, those with an engagement or close.
      Freshness: 1 until the last event is FRESH_DAYS before `as_of`, then falling in a line to 0 at STALE_DAYS; 1
      without `as_of`, and for an export that runs past it. 0 if no deal has a date.
    - accepted: rows accepted / rows. It has no weight, but limits the score.

    Raises ValueError if `checked` is of another number of rows than `raw`, or there is no row.
    """
    rows = len(raw)
    if not rows or len(checked.accepted) + len(checked.rejected) != rows:
        raise ValueError(
            f"the export has {rows} rows but {len(checked.accepted) + len(checked.rejected)} were checked; "
            f"assess it with what check() returned for the same rows, at least one"
        )
    text = raw[list(RAW_COLUMNS)].reset_index(drop=True).astype("string")
    text = text.apply(lambda column: column.str.strip()).fillna("")
    present = text != ""
    required = _required(text["deal_stage"])
    reasons = _reasons(checked.rejected)
    credit = pd.Series(1.0, index=text.index).mask(text["product"].isin(list(PRODUCT_ALIASES)), _ALIAS_CREDIT)
    credit[reasons.loc[reasons["part"] == "consistency", "row"].unique()] = 0.0
    # Two reasons may be about one cell.
    invalid = reasons.loc[reasons["part"] == "validity", ["row", "column"]].drop_duplicates()
    once = present["opportunity_id"] & ~text["opportunity_id"].duplicated(keep=False)
    return Quality(
        completeness=float((present & required).to_numpy().sum() / required.to_numpy().sum()),
        validity=1.0 - len(invalid) / max(1, int(present.to_numpy().sum())),
        consistency=float(credit.mean()),
        uniqueness=float(once.mean()),
        timeliness=_timeliness(checked.accepted, as_of),
        accepted=len(checked.accepted) / rows,
    )


def require(quality: Quality, minimum: float = MINIMUM) -> None:
    """Raise QualityError with a message of one line if the score is below `minimum`."""
    if quality.score >= minimum:
        return
    parts = sorted(quality.parts.items(), key=lambda part: part[1])
    worst = ", ".join(f"{name} {value:.3f}" for name, value in parts[:2] if value < 1) or "none"
    limited = quality.score == quality.accepted
    raise QualityError(
        f"the export's data quality score {quality.score:.4f} is below the minimum {minimum:g}; worst parts: {worst}; "
        f"rows accepted: {quality.accepted:.1%}; {_ADVICE['accepted' if limited else parts[0][0]]}, then export again"
    )


def _required(stage: "pd.Series[str]") -> pd.DataFrame:
    """The cells that a deal's stage requires; bool, one row per deal, the contract's columns."""
    by_column = dict.fromkeys(_ALWAYS, pd.Series(True, index=stage.index))
    by_column |= dict.fromkeys(_IF_CLOSED, stage.isin(CLOSED).astype(bool))
    by_column["engage_date"] = (stage != "Prospecting").astype(bool)
    return pd.DataFrame({name: by_column[name] for name in RAW_COLUMNS})


def _reasons(rejected: pd.DataFrame) -> pd.DataFrame:
    """The contract's reasons one by one: the row, the column it is about and the part it counts against."""
    reasons = [(row, reason) for row, joined in rejected["reasons"].items() for reason in str(joined).split("; ")]
    return pd.DataFrame(
        [(row, reason.split(" ", 1)[0], _part(reason)) for row, reason in reasons], columns=["row", "column", "part"]
    )


def _part(reason: str) -> str:
    if reason.endswith("appears more than once"):
        return "uniqueness"
    if " although the deal is " in reason or " is before " in reason:
        return "consistency"
    return "completeness" if reason.endswith(" is missing") else "validity"


def _timeliness(deals: pd.DataFrame, as_of: date | None) -> float:
    # Seconds, because nanoseconds overflow between dates three centuries apart.
    engagements, closes = (deals[name].dropna().dt.as_unit("s") for name in ("engage_date", "close_date"))
    events = pd.concat([engagements, closes])
    if events.empty:
        return 0.0
    first, last = (closes if len(closes) else events).min(), events.max()
    weeks = (last - events[events >= first]).dt.days // 7
    coverage = weeks.nunique() / (weeks.max() + 1)
    age = 0 if as_of is None else (pd.Timestamp(as_of).as_unit("s") - last).days
    freshness = (STALE_DAYS - age) / (STALE_DAYS - FRESH_DAYS)
    return float(coverage * min(1.0, max(0.0, freshness)))
