"""Forget values in all rooms, and search them once more."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from closecast.platform.forget.matcher import Matcher
from closecast.platform.forget.room import Room


@dataclass(frozen=True)
class Line:
    """One place: values that were found before, replaced (or deleted with a copy), and left."""

    place: str
    found: int
    replaced: int
    left: int


def search(rooms: Sequence[Room], matcher: Matcher) -> Counter[str]:
    """The values in all rooms, by place; places without one are 0. Raises ForgetError."""
    found: Counter[str] = Counter()
    for room in rooms:
        found.update(room.count(matcher))
    return found


def forget(rooms: Sequence[Room], matcher: Matcher, say: Callable[[str], None] = lambda _words: None) -> list[Line]:
    """Search, replace room by room in the order given, and search again. Raises ForgetError.

    A later room may refer to what an earlier one renamed.
    """
    say("searching")
    before = search(rooms, matcher)
    replaced: Counter[str] = Counter()
    for room in rooms:
        say(f"replacing: {type(room).__name__.lower()}")
        replaced.update(room.clear(matcher))
    say("searching again")
    return lines(before, replaced, search(rooms, matcher))


def lines(before: Counter[str], replaced: Counter[str], after: Counter[str]) -> list[Line]:
    """A line for each place that was searched, by name."""
    return [Line(place, before[place], replaced[place], after[place]) for place in sorted({*before, *replaced, *after})]
