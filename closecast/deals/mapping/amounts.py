"""Reads columns of amounts: currency signs, thousands separators, and either decimal mark, decided by the whole column."""

import re
from collections.abc import Iterable
from typing import Literal

from closecast.deals.mapping.document import MappingError

Mark = Literal[".", ","]

_SIGNS = {
    "€": "EUR",
    "$": "USD",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "₽": "RUB",
    "₺": "TRY",
    "₩": "KRW",
    "₪": "ILS",
    "₴": "UAH",
    "US$": "USD",
    "CA$": "CAD",
    "A$": "AUD",
    "R$": "BRL",
    "zł": "PLN",
    "Kč": "CZK",
    "Ft": "HUF",
    "lei": "RON",
    "Fr.": "CHF",
}
_WORDS = {"US DOLLAR": "USD", "EURO": "EUR", "POUND STERLING": "GBP", "SWISS FRANC": "CHF"}
_AMOUNT = re.compile(
    r"(?P<minus>[-\u2212(]?)\s*(?P<before>[A-Z]{3}|[A-Z]{0,2}[€$£¥₹₽₺₩₪₴]|Fr\.|kr\.?)?\s*(?P<inner_minus>[-\u2212]?)"
    r"(?P<figures>\d[\d.,'\u2019\u00a0\u202f ]*)\s*(?P<after>[A-Z]{3}|[€$£¥₹₽₺₩₪₴]|zł|Kč|Ft|lei|kr\.?)?\s*(?P<closing>\)?)"
)
_SPACES = re.compile(r"['\u2019\u00a0\u202f ]")


def decimal_mark(values: Iterable[str], column: str) -> Mark:
    """The decimal mark that the values of a column have; "." where none has one.

    A value with both marks, with one of them twice, or with other than three figures behind its only one proves it. Where
    no value does, exactly three figures behind the only mark are thousands. Raises MappingError for a column in which
    values contradict each other.
    """
    proofs: tuple[dict[Mark, str], dict[Mark, str]] = {}, {}
    for text in values:
        found = _AMOUNT.fullmatch(text.strip())
        if found and (proved := _proved(_SPACES.sub("", found["figures"]))):
            mark, is_certain = proved
            proofs[0 if is_certain else 1].setdefault(mark, text)
    proof = proofs[0] or proofs[1]
    if len(proof) > 1:
        raise MappingError(
            f"the column {column!r} has {proof['.']!r}, where a point is the decimal mark, and {proof[',']!r}, where a "
            "comma is; export it with one of them"
        )
    return next(iter(proof), ".")


def _proved(figures: str) -> tuple[Mark, bool] | None:
    """The decimal mark that one value speaks for, and whether it leaves no doubt."""
    point, comma = figures.count("."), figures.count(",")
    if point and comma:
        return ("." if figures.rfind(".") > figures.rfind(",") else ","), True
    if not point and not comma:
        return None
    mark: Mark
    other: Mark
    mark, other = (".", ",") if point else (",", ".")
    if point + comma > 1:
        return other, True
    whole, _, rest = figures.partition(mark)
    could_be_thousands = len(rest) == 3 and len(whole) <= 3 and whole.strip("0") != ""
    return (other, False) if could_be_thousands else (mark, True)


def read(text: str, mark: Mark) -> float | None:
    """The amount in one cell; None for what is none. Parentheses are a minus."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or (found["minus"] == "(") != bool(found["closing"]):
        return None
    figures = _SPACES.sub("", found["figures"])
    figures = figures.replace("," if mark == "." else ".", "").replace(mark, ".")
    try:
        amount = float(figures)
    except ValueError:
        return None
    return -amount if found["minus"] or found["inner_minus"] else amount


def currency(text: str) -> str | None:
    """The currency that an amount or a currency's own cell names, as ISO 4217's code; None where it names none."""
    text = text.strip()
    if re.fullmatch("[A-Za-z]{3}", text):
        return text.upper()
    if text.upper() in _WORDS:
        return _WORDS[text.upper()]
    found = _AMOUNT.fullmatch(text)
    sign = (found["before"] or found["after"]) if found else text
    return _SIGNS.get(sign, sign if sign and re.fullmatch("[A-Z]{3}", sign) else None) if sign else None
