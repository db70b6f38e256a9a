"""The operator's terminal: UTF-8 within, its own encoding towards it, and nothing that it cannot show stops a command."""

import codecs
import os
import sys
import unicodedata

# The encoding of the terminal, for the interpreters that this one is replaced by.
_ENCODING = "CLOSECAST_ENCODING"
_ERRORS = "closecast"
_SIGNS = {
    "✓": "+",
    "✗": "x",
    "·": "-",
    "…": "...",
    "─": "-",
    "–": "-",
    "—": "-",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "×": "x",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
}


def adopt() -> None:
    """Make files and other programs be read as UTF-8, and standard output and error fit what the caller's locale can show.

    Python decides on UTF-8 when it starts, so this replaces an interpreter that decided otherwise by one that is told.
    """
    encoding = os.environ.setdefault(_ENCODING, sys.stdout.encoding)
    # It would reach other programs, whose output is read as UTF-8.
    os.environ.pop("PYTHONIOENCODING", None)
    os.environ["PYTHONUTF8"] = "1"
    if not sys.flags.utf8_mode:
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    codecs.register_error(_ERRORS, _replace)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=encoding, errors=_ERRORS)  # type: ignore[union-attr]


def _replace(error: UnicodeError) -> tuple[str, int]:
    """What to write of characters that the encoding lacks: a sign that looks alike, the letter without its accent, or ?."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    written = "".join(_plain(character) for character in error.object[error.start : error.end])
    return written, error.end


def _plain(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"
