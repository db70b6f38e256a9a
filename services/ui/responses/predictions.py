"""Predictions and their explanations."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from services.ui.responses.numbers import numbers


@dataclass(frozen=True)
class Quarter:
    """First and last day of the quarter that "quarter_end" means."""

    start: date
    end: date

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Quarter":
        return cls(date.fromisoformat(content["start"]), date.fromisoformat(content["end"]))


@dataclass(frozen=True)
class Prediction:
    """The requested chance, and those for the standard horizons "30", "60", "90" and "quarter_end"."""

    probability: float
    as_of: date
    by: date
    quarter: Quarter
    probabilities: dict[str, float]
    model_version: str

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Prediction":
        return cls(
            probability=float(content["probability"]),
            as_of=date.fromisoformat(content["as_of"]),
            by=date.fromisoformat(content["by"]),
            quarter=Quarter.of_json(content["quarter"]),
            probabilities=numbers(content["probabilities"]),
            model_version=str(content["model"]["version"]),
        )


@dataclass(frozen=True)
class Reason:
    """One group of an explanation: its points (0.01 is one point) and its sentence."""

    title: str
    points: float
    sentence: str


@dataclass(frozen=True)
class Explanation:
    """The explanation of a chance: the base and the points of each group, which add up to it."""

    probability: float
    base: float
    base_sentence: str
    reasons: tuple[Reason, ...]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Explanation":
        return cls(
            probability=float(content["probability"]),
            base=float(content["base"]["probability"]),
            base_sentence=str(content["base"]["sentence"]),
            reasons=tuple(
                Reason(str(one["title"]), float(one["points"]), str(one["sentence"])) for one in content["groups"]
            ),
        )
