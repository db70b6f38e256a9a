"""Verdicts of monitoring, and alerts."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.ui.responses.numbers import optional

_COMPARED = ("distance", "threshold", "mean", "reference_mean")
_MEANS = ("log_loss", "expected_log_loss", "share_won", "mean_probability")


@dataclass(frozen=True)
class Moved:
    """A column of one kind of deals beside its reference: `distance` above `threshold` is drift."""

    of: str  # open, closed or new deals, and of how many days
    column: str
    state: str
    distance: float | None
    threshold: float | None
    mean: float | None
    reference_mean: float | None


@dataclass(frozen=True)
class Month:
    """The predictions that matured in a month, written YYYY-MM: means over deals."""

    month: str
    deals: int
    predictions: int
    log_loss: float
    expected_log_loss: float  # if each probability is right
    share_won: float
    mean_probability: float


@dataclass(frozen=True)
class Said:
    """What monitoring said of the served model after a look."""

    day: date
    verdict: str
    reasons: tuple[str, ...]
    version: str
    said_at: datetime
    reports: str | None  # MLflow's page with them
    moved: tuple[Moved, ...]
    months: tuple[Month, ...]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Said":
        figures = content["figures"]
        return cls(
            date.fromisoformat(content["day"]),
            str(content["verdict"]),
            tuple(map(str, content["reasons"])),
            str(content["version"]),
            datetime.fromisoformat(content["said_at"]),
            content["reports"],
            tuple(
                Moved(kind, str(one["name"]), str(one["state"]), *(optional(one[name]) for name in _COMPARED))
                for kind, look in figures.get("looks", {}).items()
                for one in look["columns"]
            ),
            tuple(
                Month(
                    str(one["month"]),
                    int(one["deals"]),
                    int(one["predictions"]),
                    *(float(one[name]) for name in _MEANS),
                )
                for one in figures.get("months", [])
            ),
        )


@dataclass(frozen=True)
class OpenAlert:
    """An alert that has not ended."""

    rule: str
    severity: str
    summary: str
    description: str
    links: dict[str, str]
    opened_at: datetime

    @classmethod
    def of_list(cls, content: dict[str, Any]) -> "tuple[OpenAlert, ...]":
        return tuple(
            cls(
                rule=str(one["rule"]),
                severity=str(one["severity"]),
                summary=str(one["summary"]),
                description=str(one["description"]),
                links={str(name): str(address) for name, address in one["links"].items()},
                opened_at=datetime.fromisoformat(one["opened_at"]),
            )
            for one in content["alerts"]
        )


@dataclass(frozen=True)
class Silence:
    """Alerts that are not told of until a time."""

    number: int
    rule: str | None
    labels: dict[str, str]
    until: datetime
    who: str
    why: str

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Silence":
        return cls(
            number=int(content["number"]),
            rule=content["rule"],
            labels={str(name): str(value) for name, value in content["labels"].items()},
            until=datetime.fromisoformat(content["until"]),
            who=str(content["who"]),
            why=str(content["why"]),
        )
