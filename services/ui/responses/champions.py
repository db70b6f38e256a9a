"""The models that were champion, and what going back to one would do."""

from dataclasses import dataclass
from typing import Any

from services.ui.responses.history import InUse


@dataclass(frozen=True)
class Champion:
    """A model that was champion for a time; `run` is its run's page in MLflow."""

    version: str
    run: str | None
    champion: InUse

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Champion":
        return cls(str(content["version"]), content["run"], InUse.of_json(content["champion"]))


@dataclass(frozen=True)
class Objection:
    """What speaks against a version, and what to do about it; a `final` one cannot be overruled."""

    detail: str
    remedy: str
    final: bool


@dataclass(frozen=True)
class Rollback:
    """What was done, or would be: `before` is the champion's version, None where there is none."""

    done: bool
    before: str | None
    target: str
    objections: tuple[Objection, ...]
    notes: tuple[str, ...]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Rollback":
        before = content["champion"]
        return cls(
            done=bool(content["done"]),
            before=None if before is None else str(before["version"]),
            target=str(content["target"]["version"]),
            objections=tuple(
                Objection(str(one["detail"]), str(one["remedy"]), bool(one["final"])) for one in content["objections"]
            ),
            notes=tuple(map(str, content["notes"])),
        )
