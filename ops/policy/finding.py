"""What a rule finds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A rule that something breaks, and how."""

    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"
