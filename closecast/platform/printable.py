"""Text of strangers, so that a terminal or a reader of logs sees what it is: nothing moves the cursor, hides or turns around."""


def printable(text: str) -> str:
    r"""`text` with every character that cannot be seen as itself written as \x9b, \u202e or \U000e0001.

    These are controls (C0, C1), what changes direction or has no width, separators of lines, surrogates, and code points
    that stand for nothing; blanks other than the plain one too.
    """
    return text if text.isprintable() else "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
