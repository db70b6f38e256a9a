"""Untrusted text on the operator's terminal, shown literally."""

from rich.text import Text

from closecast.platform.printable import printable


def cell(text: object) -> Text:
    """A table cell with plain text, without control characters and rich's markup."""
    return Text(printable(str(text)))
