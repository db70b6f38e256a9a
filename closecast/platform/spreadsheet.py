"""Prevent formula injection: spreadsheets run text that begins with = + - or @ as a formula."""

import re

# A cell begins with the text, and where a spreadsheet of another country divides lines by another sign than a comma. Blanks,
# quotes and what has no width before a formula do not stop it; the wide signs are what Japanese and Chinese keyboards write.
_FORMULA = re.compile(
    r"(^|[,;|\t\r\n])"
    r"(?=[\s\"'\x00-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]*"
    r"[=+\-@\uff1d\uff0b\uff0d\uff20\u2212])|^(?=[\t\r\n])"
)


def safe(text: str) -> str:
    """Prefix `text` with a ' if a spreadsheet could take it for a formula, so that it is shown as text."""
    return _FORMULA.sub(r"\1'", text)
