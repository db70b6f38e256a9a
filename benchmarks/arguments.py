"""Parse the `name=value` arguments of a benchmark, and end it with one message on an error."""

import re
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn

from ops.errors import OperatorError

_WHOLE = re.compile(r"[0-9]{1,15}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Argument:
    """What an argument is when it is not given, how its text is read, and what is expected, in words.

    `read` raises ValueError for a text that is none.
    """

    default: Any
    read: Callable[[str], Any]
    expected: str


def whole(default: int, least: int = 1, *, most: int) -> Argument:
    """A whole number from `least` to `most`, inclusive."""
    return Argument(default, lambda text: _number(text, least, most), f"a whole number from {least:,} to {most:,}")


def wholes(default: Iterable[int], least: int = 1, *, most: int) -> Argument:
    """One or more whole numbers separated by commas, as a tuple."""
    return Argument(
        tuple(default),
        lambda text: tuple(_number(one, least, most) for one in text.split(",")),
        f"one or more whole numbers from {least:,} to {most:,} with commas between",
    )


def names(known: Iterable[str]) -> Argument:
    """One or more of `known` separated by commas, as a tuple; by default all of them."""
    every = tuple(known)

    def read(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        if not set(chosen) <= set(every):
            raise ValueError(text)
        return chosen

    return Argument(every, read, f"one or more of {', '.join(every)} with commas between")


def day(default: date | None = None) -> Argument:
    """A date."""
    return Argument(default, _day, "a date as 2017-09-01")


def days(default: Iterable[date]) -> Argument:
    """One or more dates separated by commas, as a tuple."""
    return Argument(
        tuple(default),
        lambda text: tuple(map(_day, text.split(","))),
        "one or more dates as 2017-09-01 with commas between",
    )


def text(default: str, expected: str) -> Argument:
    """Any text that is not empty."""

    def read(given: str) -> str:
        if not given.strip():
            raise ValueError(given)
        return given

    return Argument(default, read, expected)


def _day(written: str) -> date:
    if not _DAY.fullmatch(written):
        raise ValueError(written)
    return date.fromisoformat(written)


def _number(written: str, least: int, most: int) -> int:
    if not _WHOLE.fullmatch(written) or not least <= int(written) <= most:
        raise ValueError(written)
    return int(written)


def read(given: list[str], **known: Argument) -> dict[str, Any]:
    """Parse the values of `known` arguments, by name.

    Raises OperatorError for an unknown or repeated name, and for an invalid value. With `--help` prints what can be given
    and ends the process.
    """
    if "--help" in given or "-h" in given:
        _help(known)
    found: dict[str, Any] = {}
    for one in given:
        name, equals, written = one.partition("=")
        if name not in known or not equals:
            every = "; ".join(f"{each}=<{argument.expected}>" for each, argument in known.items())
            raise OperatorError(f"{one!r} is not an argument of this measure", f"it takes {every}")
        if name in found:
            raise OperatorError(f"{name} is given twice", f"write {name}=… once")
        try:
            found[name] = known[name].read(written)
        except ValueError:
            raise OperatorError(f"{one} is not understood", f"{name} is {known[name].expected}") from None
    return {name: found.get(name, argument.default) for name, argument in known.items()}


def _help(known: dict[str, Argument]) -> NoReturn:
    print((sys.modules["__main__"].__doc__ or "").strip())
    for name, argument in known.items():
        print(f"  {name}=<{argument.expected}>")
    sys.exit(0)


def run(main: Callable[[list[str]], int]) -> NoReturn:
    """Run a benchmark with the command line's arguments; an OperatorError ends it with a message and status 1."""
    # When it is terminated, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        sys.exit(main(sys.argv[1:]))
    except OperatorError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
