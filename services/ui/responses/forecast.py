"""The forecast of a quarter's won revenue."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from services.ui.responses.numbers import optional
from services.ui.responses.predictions import Quarter

CHANGES = ("model", "time", "calendar", "won", "lost", "engaged")


@dataclass(frozen=True)
class Part:
    """Deals won, or expected to be won, and what they bring."""

    wins: float
    value: float

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Part":
        return cls(float(content["wins"]), float(content["value"]))


@dataclass(frozen=True)
class Group:
    """The parts of one product, agent, manager or region; of the deals without one where the name is None."""

    name: str | None
    closed: Part
    open: Part
    new: Part
    total: float


@dataclass(frozen=True)
class Change:
    """How the forecast came from `before` to `after`: `parts`, by the names of CHANGES, add up to the difference."""

    since: date
    before: float
    parts: dict[str, float]
    after: float


@dataclass(frozen=True)
class PastForecast:
    """A past forecast of a quarter, its interval, and the result, None while the quarter is not over."""

    as_of: date
    by: date
    total: float
    low: float
    high: float
    actual: float | None

    @property
    def is_within(self) -> bool | None:
        """Whether the result lay within the interval; None while it is not known."""
        return None if self.actual is None else self.low <= self.actual <= self.high


@dataclass(frozen=True)
class CleanUp:
    """Open deals that are older than any that ever closed."""

    older_than_days: int
    deals: int
    worth: float
    adds: float


@dataclass(frozen=True)
class Forecast:
    """The forecast of one quarter: closed, expected of open deals, and of deals that are not engaged yet."""

    as_of: date
    quarter: Quarter
    closed: Part
    open: Part
    new: Part
    total: float
    low: float
    high: float
    coverage: float
    learnt_from: int
    group_columns: tuple[str, ...]
    groups: tuple[Group, ...]
    change: Change | None
    last_quarter: float | None
    clean_up: CleanUp
    past: tuple[PastForecast, ...]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Forecast":
        change, old = content["change"], content["clean_up"]
        return cls(
            as_of=date.fromisoformat(content["as_of"]),
            quarter=Quarter.of_json(content["quarter"]),
            closed=Part.of_json(content["closed"]),
            open=Part.of_json(content["open"]),
            new=Part.of_json(content["new"]),
            total=float(content["total"]),
            low=float(content["low"]),
            high=float(content["high"]),
            coverage=float(content["coverage"]),
            learnt_from=int(content["learnt_from"]),
            group_columns=tuple(map(str, content["group_columns"])),
            groups=tuple(
                Group(
                    one["name"],
                    Part.of_json(one["closed"]),
                    Part.of_json(one["open"]),
                    Part.of_json(one["new"]),
                    float(one["total"]),
                )
                for one in content["groups"]
            ),
            change=None
            if change is None
            else Change(
                date.fromisoformat(change["since"]),
                float(change["before"]),
                {name: float(change[name]) for name in CHANGES},
                float(change["after"]),
            ),
            last_quarter=optional(content["last_quarter"]),
            clean_up=CleanUp(int(old["older_than_days"]), int(old["deals"]), float(old["worth"]), float(old["adds"])),
            past=tuple(
                PastForecast(
                    as_of=date.fromisoformat(one["as_of"]),
                    by=date.fromisoformat(one["by"]),
                    total=float(one["total"]),
                    low=float(one["low"]),
                    high=float(one["high"]),
                    actual=optional(one["actual"]),
                )
                for one in content["past"]
            ),
        )
