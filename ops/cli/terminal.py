"""The operator's terminal:

UTF-8 internally, the terminal's encoding for output, with replacements for other characters.
"""

import codecs
import os
import sys
import unicodedata

# The terminal's encoding, passed on to the interpreter that replaces this one.
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
    """Read files and other programs as UTF-8, and write output in the encoding of the caller's locale.

    Python chooses UTF-8 mode when it starts, so an interpreter in another mode is replaced by one in UTF-8 mode.
    """
    encoding = os.environ.setdefault(_ENCODING, sys.stdout.encoding)
    # Otherwise other programs would inherit it, whose output is read as UTF-8.
    os.environ.pop("PYTHONIOENCODING", None)
    os.environ["PYTHONUTF8"] = "1"
    if not sys.flags.utf8_mode:
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    codecs.register_error(_ERRORS, _replace)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=encoding, errors=_ERRORS)  # type: ignore[union-attr]


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that the encoding lacks by a similar one, the letter without its accent, or ?."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    written = "".join(_plain(character) for character in error.object[error.start : error.end])
    return written, error.end


def _plain(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"
