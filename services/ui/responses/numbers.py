"""Numbers in responses."""

from typing import Any


def numbers(content: dict[str, Any] | None) -> dict[str, float]:
    """The members that are numbers: metrics that could not be measured are null and left out."""
    return {str(name): float(value) for name, value in (content or {}).items() if value is not None}


def optional(value: Any) -> float | None:
    """A number that may be null. Raises TypeError or ValueError for what is neither."""
    return None if value is None else float(value)
