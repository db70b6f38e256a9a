"""Reads the `fiscal_year_start=…` argument of `up` and `train`."""

from ops.errors import OperatorError

_NAME = "fiscal_year_start"


def take_fiscal_year_start(arguments: list[str]) -> tuple[list[str], int | None]:
    """The other arguments, and the month, 1 to 12, with which the fiscal year begins; None when none was named.

    Raises OperatorError for anything else, before a minute is spent on starting services.
    """
    others, month = [], None
    for argument in arguments:
        name, separator, value = argument.partition("=")
        if name != _NAME:
            others.append(argument)
        elif separator and value.isascii() and value.isdecimal() and 1 <= int(value) <= 12:
            month = int(value)
        else:
            raise OperatorError(
                f"{argument!r} names no month", f"write {_NAME}=<1 to 12>, 4 for a year that begins in April"
            )
    return others, month
