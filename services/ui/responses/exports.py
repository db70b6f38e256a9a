"""What would be made of an export."""

from dataclasses import dataclass
from typing import Any


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
    problems: tuple[tuple[int, str], ...]  # row of the file, reasons why it is not used
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
            problems=tuple((int(one["row"]), str(one["reasons"])) for one in content["problems"]),
            shortfalls=tuple(map(str, content["shortfalls"])),
        )
