"""What the values of a column say it could be."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from closecast.deals.mapping import amounts, dates, words
from closecast.deals.mapping.document import MappingError

MOST_STAGES = 60  # a column with more different values is no column of stages


@dataclass(frozen=True)
class Evidence:
    """A column's values without the blanks around them: each filled one with the number of its cells."""

    name: str
    values: Counter[str]
    rows: int

    @classmethod
    def of(cls, frame: pd.DataFrame, name: str) -> "Evidence":
        """Of the column `name` of text."""
        counts = frame[name].value_counts()
        values: Counter[str] = Counter()
        for text, count in counts.items():
            if stripped := str(text).strip():
                values[stripped] += int(count)
        return cls(name, values, len(frame))

    @property
    def filled(self) -> float:
        """The share of the rows that have a value."""
        return self.values.total() / max(1, self.rows)

    @property
    def examples(self) -> list[str]:
        """The three commonest values."""
        return [text for text, _ in self.values.most_common(3)]

    @cached_property
    def stages(self) -> float:
        """How well the values do as stages: the share whose meaning is known, where some are won or lost; else 0."""
        if len(self.values) > MOST_STAGES:
            return 0.0
        known = {text: words.meaning(text) for text in self.values}
        if not {"won", "lost"} & set(known.values()):
            return 0.0
        return sum(count for text, count in self.values.items() if known[text]) / self.values.total()

    @cached_property
    def dates(self) -> float:
        """The share of the values that are dates in some way of writing them."""
        try:
            return dates.examine(self.values, self.name).share
        except MappingError:
            return 1.0  # dates in two ways, which is told when they are read

    @cached_property
    def amounts(self) -> float:
        """The share of the values that are amounts and no dates."""
        if self.dates > 0.5:
            return 0.0
        read = sum(count for text, count in self.values.items() if amounts.read(text, ".") is not None)
        return read / max(1, self.values.total())

    @property
    def figures(self) -> float:
        """The share of the values that hold a figure."""
        return sum(count for text, count in self.values.items() if re.search(r"\d", text)) / max(1, self.values.total())

    @property
    def identifies(self) -> float:
        """1 where each row has a value of its own, less by the rows that do not."""
        return len(self.values) / max(1, self.rows)
