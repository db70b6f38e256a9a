"""The registered versions, and how good one was on dates that it had not seen."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.ui.responses.numbers import numbers


@dataclass(frozen=True)
class Registered:
    """A registered version, what was decided on it, and its role; texts are None where the registry has none."""

    version: str
    run: str | None
    made_at: datetime
    kind: str | None
    data_as_of: str | None
    decision: str | None
    reasons: str | None
    decided_by: str | None
    role: str | None

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Registered":
        names = ("run", "kind", "data_as_of", "decision", "reasons", "decided_by", "role")
        return cls(
            version=str(content["version"]),
            made_at=datetime.fromisoformat(content["made_at"]),
            **{name: content[name] for name in names},
        )


@dataclass(frozen=True)
class Target:
    """One target: log loss by rule, and the points of both curves."""

    name: str
    log_loss: dict[str, float]
    reliability: tuple[dict[str, float], ...]  # predicted, won, rows
    gain: tuple[dict[str, float], ...]  # share, found


@dataclass(frozen=True)
class Evaluation:
    """How good a version was, and each check of the gate as a sentence with whether it passed."""

    version: str
    checks: tuple[tuple[str, bool], ...]
    targets: dict[str, Target]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Evaluation":
        targets = [
            Target(
                name=str(one["target"]),
                log_loss={str(rule): float(measured["value"]) for rule, measured in one["log_loss"].items()},
                reliability=tuple(map(numbers, one["reliability"])),
                gain=tuple(map(numbers, one["gain"])),
            )
            for one in content["targets"]
        ]
        return cls(
            version=str(content["version"]),
            checks=tuple((str(one["sentence"]), bool(one["passed"])) for one in content["checks"]),
            targets={one.name: one for one in targets},
        )
