"""Arguments of the commands: options are written `--name value` or `name=value`."""

import argparse
import re
from collections.abc import Callable, Iterator
from datetime import date
from itertools import islice
from typing import Any, NoReturn, Self

from closecast.cli.errors import CommandError

SOURCES = "synthetic, synthetic:<rows>, file:<path to CSV, Excel or Parquet>, s3://<bucket>/<key or folder/> or kaggle[:<owner>/<dataset>]"


class Arguments(argparse.ArgumentParser):
    """The arguments of `<program> <command>`, whose first line of help is the first sentence of `does`."""

    def __init__(self, program: str, command: str, does: str | None) -> None:
        super().__init__(
            prog=f"{program} {command}",
            description=" ".join((does or "").split()),
            allow_abbrev=False,
        )

    def option(
        self, name: str, kind: Callable[[str], Any], help: str, default: Any = None, value: str | None = None
    ) -> Self:
        """Add the option `--name <value>`; `kind` parses the text and raises ValueError, or ArgumentTypeError with a message."""
        self.epilog = "An option --name value may be written name=value as well."
        self.add_argument(f"--{name}", type=kind, default=default, help=help, metavar=f"<{value or name}>")
        return self

    def place(self, name: str, help: str, number: str | None = None) -> Self:
        """Add a positional argument; `number` is argparse's `nargs`."""
        self.add_argument(name, help=help, metavar=f"<{name}>", nargs=number)
        return self

    def flag(self, name: str, help: str) -> Self:
        """Add the flag `--name`."""
        self.add_argument(f"--{name}", action="store_true", help=help)
        return self

    def as_of(self) -> Self:
        """Add the option for the date of an export."""
        return self.option(
            "as-of", day, "the date of the export, YYYY-MM-DD: rows with later dates are set aside", value="date"
        )

    def mapping(self) -> Self:
        """Take the mapping of an export's columns, and what corrects it (closecast.cli.mapping)."""
        self.option(
            "mapping",
            str,
            "a mapping file, as the command `map` writes it, for an export of another kind",
            value="file",
        )
        return self.corrections()

    def corrections(self) -> Self:
        """Take what is known better than what the export's own evidence says."""
        self.option(
            "timezone", str, "whose dates times of day become, for example Europe/Berlin (default: UTC)", value="zone"
        )
        self.option("encoding", str, "of a CSV export, for example cp1252 (default: detected)", value="encoding")
        self.option("delimiter", _delimiter, "of a CSV export: , ; | or tab (default: detected)", value="character")
        return self.option(
            "sheet", str, "of an Excel workbook (default: the one with the most cells filled)", value="name"
        )

    def given(self, arguments: list[str]) -> argparse.Namespace:
        """Parse the arguments. Prints the help and ends the process for --help. Raises CommandError."""
        return self.parse_args(list(self._dashed(arguments)))

    def error(self, message: str) -> NoReturn:
        usage = " ".join(self.format_usage().split()).removeprefix("usage: ").replace(" [-h]", "")
        raise CommandError(f"{self.prog}: {message}", f"write `{usage}`; `{self.prog} --help` says what each is")

    def _dashed(self, arguments: list[str]) -> Iterator[str]:
        known = {flag: action for action in self._actions for flag in action.option_strings}
        coming = iter(arguments)
        for argument in coming:
            name, equals, value = argument.partition("=")
            flag = f"--{name.replace('_', '-')}"
            yield f"{flag}={value}" if equals and flag in known else argument
            if argument in known and known[argument].nargs != 0:
                yield from islice(coming, 1)  # its value, even if it looks like an option


def day(text: str) -> date:
    """Parse a date written YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date written YYYY-MM-DD") from None


def month(text: str) -> int:
    """Parse a month, 1 to 12."""
    return number(1, 12)(text)


def number(least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers from `least` to `most`, in plain digits."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return read


def _delimiter(text: str) -> str:
    found = {"tab": "\t"}.get(text, text)
    if found not in (",", ";", "\t", "|"):
        raise argparse.ArgumentTypeError(f"{text!r} is none of , ; | and tab")
    return found
