"""One deal, and what people expect of it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.ui.responses.numbers import optional
from services.ui.responses.predictions import Explanation, Quarter


@dataclass(frozen=True)
class ChanceBy:
    """The chance, 0..1, to be won after `as_of` and no later than `by`."""

    as_of: date
    by: date
    probability: float

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "ChanceBy":
        return cls(
            date.fromisoformat(content["as_of"]), date.fromisoformat(content["by"]), float(content["probability"])
        )


@dataclass(frozen=True)
class PastDeal:
    """A past deal on the day when it was as old, and what became of it; None: it stayed open."""

    opportunity_id: str
    sales_agent: str
    product: str
    account: str | None
    on: date
    stage: str
    closed_after_days: int | None


@dataclass(frozen=True)
class Alike:
    """Past deals like this one, of which `won` and `lost` closed in the same time."""

    of: int
    won: int
    lost: int
    same_phase: bool
    deals: tuple[PastDeal, ...]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Alike":
        return cls(
            int(content["of"]),
            int(content["won"]),
            int(content["lost"]),
            bool(content["same_phase"]),
            tuple(
                PastDeal(
                    opportunity_id=str(one["opportunity_id"]),
                    sales_agent=str(one["sales_agent"]),
                    product=str(one["product"]),
                    account=one["account"],
                    on=date.fromisoformat(one["on"]),
                    stage=str(one["stage"]),
                    closed_after_days=one["closed_after_days"],
                )
                for one in content["deals"]
            ),
        )


@dataclass(frozen=True)
class Outlook:
    """What is expected of an open deal."""

    age_days: int
    price: float | None
    curve: tuple[ChanceBy, ...]
    why: Explanation
    alike: Alike

    @property
    def probability(self) -> float:
        """The chance that was asked for, 0..1."""
        return self.why.probability

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Outlook":
        return cls(
            age_days=int(content["age_days"]),
            price=optional(content["price"]),
            curve=tuple(ChanceBy.of_json(one) for one in content["curve"]),
            why=Explanation.of_json(content),
            alike=Alike.of_json(content["alike"]),
        )


@dataclass(frozen=True)
class Deal:
    """A deal: how it stands, its chance week by week, and while it is open, what is expected of it."""

    opportunity_id: str
    sales_agent: str
    product: str
    account: str | None
    engage_date: date | None
    state: str
    close_date: date | None
    close_value: float | None
    as_of: date
    by: date
    quarter: Quarter
    model_version: str
    past: tuple[ChanceBy, ...]
    outlook: Outlook | None

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Deal":
        return cls(
            opportunity_id=str(content["opportunity_id"]),
            sales_agent=str(content["sales_agent"]),
            product=str(content["product"]),
            account=content["account"],
            engage_date=_date(content["engage_date"]),
            state=str(content["state"]),
            close_date=_date(content["close_date"]),
            close_value=optional(content["close_value"]),
            as_of=date.fromisoformat(content["as_of"]),
            by=date.fromisoformat(content["by"]),
            quarter=Quarter.of_json(content["quarter"]),
            model_version=str(content["model"]["version"]),
            past=tuple(ChanceBy.of_json(one) for one in content["past"]),
            outlook=None if content["outlook"] is None else Outlook.of_json(content["outlook"]),
        )


@dataclass(frozen=True)
class Opinion:
    """What somebody expected where the model gave `probability` for `by`."""

    expects: str
    reason: str
    by_whom: str
    told_at: datetime
    by: date
    probability: float

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Opinion":
        return cls(
            expects=str(content["expects"]),
            reason=str(content["reason"]),
            by_whom=str(content["by_whom"]),
            told_at=datetime.fromisoformat(content["told_at"]),
            by=date.fromisoformat(content["by"]),
            probability=float(content["probability"]),
        )


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
