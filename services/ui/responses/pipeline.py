"""The ranked open deals."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from services.ui.responses.predictions import Quarter


@dataclass(frozen=True)
class OpenDeal:
    """One open deal and its chance, 0..1, of being won by the ranking's date."""

    opportunity_id: str
    sales_agent: str
    product: str
    account: str | None
    engage_date: date
    age_days: int
    probability: float
    price: float | None
    probability_before: float | None  # a week before, by the same date; None for a deal that is newer

    @property
    def expected_value(self) -> float | None:
        """The chance times the product's usual price."""
        return None if self.price is None else self.probability * self.price


@dataclass(frozen=True)
class Pipeline:
    """Open deals in order; `open`, `not_scorable` and the two sums are of all deals, not only of this page."""

    as_of: date
    by: date
    quarter: Quarter
    model_version: str
    open: int
    not_scorable: int
    expected_wins: float
    expected_value: float
    deals: tuple[OpenDeal, ...]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Pipeline":
        return cls(
            as_of=date.fromisoformat(content["as_of"]),
            by=date.fromisoformat(content["by"]),
            quarter=Quarter.of_json(content["quarter"]),
            model_version=str(content["model"]["version"]),
            open=int(content["counts"]["open"]),
            not_scorable=int(content["counts"]["not_scorable"]),
            expected_wins=float(content["expected_wins"]),
            expected_value=float(content["expected_value"]),
            deals=tuple(
                OpenDeal(
                    opportunity_id=str(deal["opportunity_id"]),
                    sales_agent=str(deal["sales_agent"]),
                    product=str(deal["product"]),
                    account=deal["account"],
                    engage_date=date.fromisoformat(deal["engage_date"]),
                    age_days=int(deal["age_days"]),
                    probability=float(deal["probability"]),
                    price=_number(deal["price"]),
                    probability_before=_number(deal["probability_before"]),
                )
                for deal in content["deals"]
            ),
        )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
