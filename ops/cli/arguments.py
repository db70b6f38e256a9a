"""Arguments of the operator's commands, `just <command>`."""

import argparse
import re
from collections.abc import Callable
from typing import Self

from closecast.cli import arguments
from closecast.cli.arguments import SOURCES, month


class Arguments(arguments.Arguments):
    """The arguments of `just <command>`."""

    def __init__(self, command: str, does: str | None) -> None:
        super().__init__("just", command, does)

    def data(self) -> Self:
        """Add the options for the data of `up` and `train`."""
        self.option("source", str, f"{SOURCES} (default: the platform's own)")
        self.mapping().as_of()
        return self.option(
            "fiscal-year-start", month, "the month with which the fiscal year begins, 1 to 12", value="month"
        )


def nothing(command: str, does: str | None, given: list[str]) -> None:
    """Parse the arguments of a command without any. Raises OperatorError."""
    Arguments(command, does).given(given)


def seconds(text: str) -> int:
    """Parse a duration, such as 90d, 12h, 30m or 0s, into seconds."""
    match = re.fullmatch(r"(\d{1,6})([dhms])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no span of time such as 90d, 12h, 30m or 0s")
    return int(match[1]) * {"d": 86_400, "h": 3_600, "m": 60, "s": 1}[match[2]]


def one_of(*words: str) -> Callable[[str], str]:
    """A parser that accepts one of `words`."""

    def read(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(words)}")
        return text

    return read
