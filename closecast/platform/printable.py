"""Escape untrusted text for terminals and logs: nothing may move the cursor, hide text or reverse its direction."""


def printable(text: str) -> str:
    r"""Escape every unprintable character of `text` as \x9b, \u202e or \U000e0001.

    These are controls (C0, C1), characters that change direction or have no width, line separators, surrogates, and
    code points that are not assigned; blanks other than the space too.
    """
    return text if text.isprintable() else "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
