"""What a room is: a store with several places, in which values are counted and replaced."""

from collections import Counter
from typing import Protocol

from closecast.platform.forget.matcher import Matcher


class ForgetError(RuntimeError):
    """A room cannot be searched or changed now."""


class Room(Protocol):
    """One store. Both methods return numbers of values by place, and raise ForgetError."""

    def count(self, matcher: Matcher) -> Counter[str]:
        """How many values are in each place."""
        ...

    def clear(self, matcher: Matcher) -> Counter[str]:
        """Replace the values, and return how many in each place."""
        ...
