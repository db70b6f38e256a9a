"""The ranked open deals."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from services.ui.responses.numbers import optional
from services.ui.responses.predictions import Quarter


@dataclass(frozen=True)
class OpenDeal:
    """One open deal and its chance, 0..1, of being won by the ranking's date."""

    opportunity_id: str
    sales_agent: str
    product: str
    account: str | None
    manager: str | None
    region: str | None
    engage_date: date
    age_days: int
    probability: float
    price: float | None
    probability_before: float | None  # a week before, by the same date; None for a deal that is newer
    alike: int  # past deals of this age, by which the chance can be checked

    @property
    def expected_value(self) -> float | None:
        """The chance times the product's usual price."""
        return None if self.price is None else self.probability * self.price


@dataclass(frozen=True)
class Filters:
    """Which open deals are asked for; what is empty or None leaves all."""

    agents: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    account: str = ""  # a part of its name
    managers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    min_age: int | None = None
    max_age: int | None = None
    min_price: int | None = None
    max_price: int | None = None

    def query(self) -> dict[str, str | list[str]]:
        """The parameters of the API that ask for these deals."""
        given: dict[str, str | list[str]] = {
            "sales_agent": list(self.agents),
            "product": list(self.products),
            "manager": list(self.managers),
            "region": list(self.regions),
        }
        bounds = {name: getattr(self, name) for name in ("min_age", "max_age", "min_price", "max_price")}
        given |= {name: str(value) for name, value in bounds.items() if value is not None}
        return {name: value for name, value in (given | {"account": self.account}).items() if value}


EVERY_DEAL = Filters()


@dataclass(frozen=True)
class Pipeline:
    """Open deals in order; `agents`, `products`, `managers` and `regions` are the names that open deals have; `open`, `not_scorable` are of all deals, and the two sums of all `matching` ones, not only of those sent."""

    as_of: date
    by: date
    quarter: Quarter
    model_version: str
    agents: tuple[str, ...]
    products: tuple[str, ...]
    managers: tuple[str, ...]
    regions: tuple[str, ...]
    open: int
    matching: int
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
            agents=tuple(map(str, content["choices"]["sales_agent"])),
            products=tuple(map(str, content["choices"]["product"])),
            managers=tuple(map(str, content["choices"]["manager"])),
            regions=tuple(map(str, content["choices"]["region"])),
            open=int(content["counts"]["open"]),
            matching=int(content["counts"]["matching"]),
            not_scorable=int(content["counts"]["not_scorable"]),
            expected_wins=float(content["expected_wins"]),
            expected_value=float(content["expected_value"]),
            deals=tuple(
                OpenDeal(
                    opportunity_id=str(deal["opportunity_id"]),
                    sales_agent=str(deal["sales_agent"]),
                    product=str(deal["product"]),
                    account=deal["account"],
                    manager=deal["manager"],
                    region=deal["region"],
                    engage_date=date.fromisoformat(deal["engage_date"]),
                    age_days=int(deal["age_days"]),
                    probability=float(deal["probability"]),
                    price=optional(deal["price"]),
                    probability_before=optional(deal["probability_before"]),
                    alike=int(deal["alike"]),
                )
                for deal in content["deals"]
            ),
        )
