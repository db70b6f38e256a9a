"""Text of strangers where people read it: spreadsheets run none of it, terminals and logs show it as it is."""

import pytest

from closecast.platform.printable import printable
from closecast.platform.spreadsheet import safe


@pytest.mark.parametrize(
    "text",
    [
        "=1",
        "+1",
        "-1",
        "@a",
        "\t=1",
        "\ta",
        "\ra",
        "\n=1",
        "  =1",
        '"=1',
        "'=1",
        "\u200b=1",
        "\ufeff=1",
        "\xa0@a",
        "\x00=1",
        "\uff1d1",
    ],
)
def test_a_formula_is_made_text(text: str) -> None:
    made = safe(text)
    assert made.startswith("'")
    assert made.replace("'", "") == text.replace("'", "")


def test_a_formula_behind_another_countrys_separator_is_made_text() -> None:
    assert safe("a;=1") == "a;'=1"
    assert safe("a\t@b") == "a\t'@b"


@pytest.mark.parametrize(
    "text", ["", "Oak Foods", "a-b", "a=b", "1+1", "x@y.example", "Smith, Ann", "A; B", "'quoted'"]
)
def test_other_text_stays(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ünal 東京", "Ünal 東京"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb\n", "a\\u200bb\\x0a"),
        ("\U000e0041", "\\U000e0041"),
        ("\x7f", "\\x7f"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
