"""Who has signed in."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Person:
    """A person, and what the person may do: `role` is viewer, scorer or admin."""

    name: str
    role: str

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Person":
        return cls(str(content["name"]), str(content["role"]))
