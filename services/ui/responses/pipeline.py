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


@dataclass(frozen=True)
class Pipeline:
    """Open deals, most likely first; `open`, `not_scorable` and `expected_wins` are of all deals, not only of this page."""

    as_of: date
    by: date
    quarter: Quarter
    model_version: str
    open: int
    not_scorable: int
    expected_wins: float
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
            deals=tuple(
                OpenDeal(
                    opportunity_id=str(deal["opportunity_id"]),
                    sales_agent=str(deal["sales_agent"]),
                    product=str(deal["product"]),
                    account=deal["account"],
                    engage_date=date.fromisoformat(deal["engage_date"]),
                    age_days=int(deal["age_days"]),
                    probability=float(deal["probability"]),
                )
                for deal in content["deals"]
            ),
        )
