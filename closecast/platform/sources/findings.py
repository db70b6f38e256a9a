"""What Closecast makes of an export: what is read, used and noticed, and whether a model can be trained on it."""

import msgspec

MOST_PROBLEMS = 10_000  # rows that are named


class Rows(msgspec.Struct, frozen=True):
    """Counts of rows: those that came in are used, rejected or set aside; each of these has one entry by its reason."""

    came_in: int
    used: int
    rejected: dict[str, int]
    set_aside: dict[str, int]


class Leak(msgspec.Struct, frozen=True):
    """A column that tells won from lost deals by itself, with its ROC AUC."""

    column: str
    auc: float
    why: str
    is_feature: bool


class RowProblem(msgspec.Struct, frozen=True):
    """A row of the file, its header's included in the count, that is not used, and all reasons why."""

    row: int
    reasons: str


class Findings(msgspec.Struct, frozen=True):
    """All that closecast.platform.sources.inspection finds; `decided` are clauses, `noticed` and `shortfalls` sentences."""

    source: str
    read: str  # empty for made-up data
    decided: list[str]
    mapping: dict[str, str]  # use by column of the export
    rows: Rows
    stages: dict[str, int]
    quality: dict[str, float]
    noticed: list[str]
    leaks: list[Leak]
    problems: list[RowProblem]  # in the order of the file, MOST_PROBLEMS at most
    shortfalls: list[str]

    @property
    def serves(self) -> str:
        """What is served after a training, in a sentence."""
        if self.shortfalls:
            return "nothing can be trained on it, so what serves now goes on"
        return (
            "a model can be trained on it: it serves if it is better than what a deal's age and the calendar say, else those "
            "serve as a baseline where they are honest; the command `evaluate` measures which"
        )
