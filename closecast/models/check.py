"""A condition of a promotion, apart from the gate, whose imports take long."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One condition, whether it holds, and a sentence with the numbers."""

    name: str
    passed: bool
    sentence: str
