"""The API's responses as typed objects, with only the members that this page shows."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True)
class ModelFacts:
    """The served model; `metrics` and `reference_metrics` may lack any name."""

    name: str
    version: str
    is_baseline: bool
    trained_at: datetime
    source: str
    data_as_of: date
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
            features=tuple(map(str, content["features"])),
            metrics=_numbers(content.get("metrics")),
            reference_metrics=_numbers(content.get("reference_metrics")),
        )


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
class Findings:
    """What would be made of an export; `mapping` is the use by column, `not_used` the count of rows by reason."""

    read: str
    decided: tuple[str, ...]
    mapping: dict[str, str]
    rows: int
    used: int
    not_used: dict[str, int]
    stages: dict[str, int]
    quality: float
    noticed: tuple[str, ...]
    leaks: tuple[tuple[str, float, bool], ...]  # column, ROC AUC, whether it is a feature
    shortfalls: tuple[str, ...]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Findings":
        rows = content["rows"]
        return cls(
            read=str(content["read"]),
            decided=tuple(map(str, content["decided"])),
            mapping={str(name): str(use) for name, use in content["mapping"].items()},
            rows=int(rows["came_in"]),
            used=int(rows["used"]),
            not_used={str(why): int(count) for why, count in {**rows["rejected"], **rows["set_aside"]}.items()},
            stages={str(name): int(count) for name, count in content["stages"].items()},
            quality=float(content["quality"]["score"]),
            noticed=tuple(map(str, content["noticed"])),
            leaks=tuple((str(one["column"]), float(one["auc"]), bool(one["is_feature"])) for one in content["leaks"]),
            shortfalls=tuple(map(str, content["shortfalls"])),
        )


@dataclass(frozen=True)
class Quarter:
    """First and last day of the quarter that "quarter_end" means."""

    start: date
    end: date

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Quarter":
        return cls(date.fromisoformat(content["start"]), date.fromisoformat(content["end"]))


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
            probabilities=_numbers(content["probabilities"]),
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


def _numbers(content: dict[str, Any] | None) -> dict[str, float]:
    """The members that are numbers: metrics that could not be measured are null and left out."""
    return {str(name): float(value) for name, value in (content or {}).items() if value is not None}
