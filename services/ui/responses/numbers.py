"""Numbers in responses."""

from typing import Any


def numbers(content: dict[str, Any] | None) -> dict[str, float]:
    """The members that are numbers: metrics that could not be measured are null and left out."""
    return {str(name): float(value) for name, value in (content or {}).items() if value is not None}
