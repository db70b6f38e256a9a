"""The models that answered on a day, and how good they were."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True)
class ChanceBin:
    """The deals whose chance was from `low` up to `high`."""

    low: float
    high: float
    deals: int
    won: int
    mean_probability: float


@dataclass(frozen=True)
class Judged:
    """How good a model's matured answers were, by deal."""

    predictions: int
    deals: int
    won: int
    log_loss: float
    expected_log_loss: float
    calibration_error: float
    bins: tuple[ChanceBin, ...]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Judged":
        return cls(
            predictions=int(content["predictions"]),
            deals=int(content["deals"]),
            won=int(content["won"]),
            log_loss=float(content["log_loss"]),
            expected_log_loss=float(content["expected_log_loss"]),
            calibration_error=float(content["calibration_error"]),
            bins=tuple(
                ChanceBin(
                    float(one["low"]),
                    float(one["high"]),
                    int(one["deals"]),
                    int(one["won"]),
                    float(one["mean_probability"]),
                )
                for one in content["bins"]
            ),
        )


@dataclass(frozen=True)
class Waiting:
    """Answers whose outcome is not known, and the first and last day on which it is due."""

    predictions: int
    first: date
    last: date

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Waiting":
        first, last = (date.fromisoformat(content[name]) for name in ("first", "last"))
        return cls(int(content["predictions"]), first, last)


@dataclass(frozen=True)
class InUse:
    """When and how a model became champion; `until` is None while it is."""

    since: datetime
    until: datetime | None
    how: str
    by: str
    decision: str

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "InUse":
        until = content["until"]
        return cls(
            since=datetime.fromisoformat(content["since"]),
            until=None if until is None else datetime.fromisoformat(until),
            how=str(content["how"]),
            by=str(content["by"]),
            decision=str(content["decision"]),
        )


@dataclass(frozen=True)
class AnsweringModel:
    """A model and its answers of a day."""

    version: str
    run_id: str | None
    run: str | None
    predictions: int
    judged: Judged | None
    waiting: Waiting | None
    not_judged: int
    champion: InUse | None

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "AnsweringModel":
        judged, waiting, champion = content["judged"], content["waiting"], content["champion"]
        return cls(
            version=str(content["version"]),
            run_id=content["run_id"],
            run=content["run"],
            predictions=int(content["predictions"]),
            judged=None if judged is None else Judged.of_json(judged),
            waiting=None if waiting is None else Waiting.of_json(waiting),
            not_judged=int(content["not_judged"]),
            champion=None if champion is None else InUse.of_json(champion),
        )


@dataclass(frozen=True)
class History:
    """The models that answered on a day."""

    day: date
    models: tuple[AnsweringModel, ...]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "History":
        return cls(date.fromisoformat(content["day"]), tuple(map(AnsweringModel.of_json, content["models"])))
