"""Verdicts of monitoring, and alerts."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True)
class Said:
    """What monitoring said of the served model after a look."""

    day: date
    verdict: str
    reasons: tuple[str, ...]
    version: str
    said_at: datetime
    reports: str | None  # MLflow's page with them

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Said":
        return cls(
            date.fromisoformat(content["day"]),
            str(content["verdict"]),
            tuple(map(str, content["reasons"])),
            str(content["version"]),
            datetime.fromisoformat(content["said_at"]),
            content["reports"],
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
