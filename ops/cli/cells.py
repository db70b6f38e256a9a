"""What somebody else wrote, on the operator's terminal: as it is, and nothing more than that."""

from rich.text import Text

from closecast.platform.printable import printable


def cell(text: object) -> Text:
    """For a table: plain text, in which nothing moves the cursor, hides or is rich's markup."""
    return Text(printable(str(text)))
