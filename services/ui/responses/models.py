"""The served model."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.ui.responses.numbers import numbers


@dataclass(frozen=True)
class ModelFacts:
    """The served model; `metrics` and `reference_metrics` may lack any name."""

    name: str
    version: str
    is_baseline: bool
    trained_at: datetime
    source: str
    data_as_of: date
    currency: str | None  # of amounts; None where the data do not tell
    features: tuple[str, ...]
    metrics: dict[str, float]
    reference_metrics: dict[str, float]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "ModelFacts":
        return cls(
            name=str(content["name"]),
            version=str(content["version"]),
            is_baseline=content["kind"] == "baseline",
            trained_at=datetime.fromisoformat(content["trained_at"]),
            source=str(content["source"]),
            data_as_of=date.fromisoformat(content["data_as_of"]),
            currency=content["currency"],
            features=tuple(map(str, content["features"])),
            metrics=numbers(content.get("metrics")),
            reference_metrics=numbers(content.get("reference_metrics")),
        )
