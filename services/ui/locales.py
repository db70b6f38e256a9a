"""Numbers, amounts and dates as the visitor's browser writes them. Words are English, in dates too."""

from datetime import date
from functools import lru_cache
from typing import Any

import streamlit as st
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal

_USUAL = "en-GB"  # of a browser that does not say
_ELSEWHERE = Locale("en", "150")  # English as in Europe: the day comes before the month


def number(value: float, digits: int = 0, *, sign: bool = False) -> str:
    """Format a number with so many decimals: "1,234.5", "1.234,5"; with `sign`, also "+1.5"."""
    text: str = format_decimal(round(value, digits) + 0.0, _pattern(digits), locale=_here())
    return f"+{text}" if sign and value >= 0 else text


def money(value: float, currency: str | None, digits: int = 0, *, sign: bool = False) -> str:
    """Format an amount: "€4,854", "4.854 €"; without a currency "4,854"."""
    if currency is None:
        return number(value, digits, sign=sign)
    pattern = _here().currency_formats["standard"].pattern.replace("0.00", _decimals(digits)).partition(";")[0]
    text: str = format_currency(round(value, digits) + 0.0, currency, pattern, locale=_here(), currency_digits=False)
    return f"+{text}" if sign and value >= 0 else text


def day(value: date) -> str:
    """Format a date: "31 December 2017", "December 31, 2017"."""
    return str(format_date(value, "long", locale=_english()))


def short_day(value: date) -> str:
    """Format a date without its year: "31 December", "December 31"."""
    return str(format_skeleton("MMMMd", value, locale=_english()))


def of_fields() -> str:
    """How date fields are filled in: "DD/MM/YYYY", "MM/DD/YYYY", "YYYY-MM-DD"."""
    pattern = _here().date_formats["short"].pattern
    order = sorted(("YYYY", "MM", "DD"), key=lambda part: pattern.find(part[0].lower() if part != "MM" else "M"))
    separator = next((sign for sign in "./-" if sign in pattern), "/")
    # Streamlit knows these orders.
    return separator.join(order) if order[0] == "YYYY" or order[2] == "YYYY" else "YYYY-MM-DD"


def of_charts() -> dict[str, Any]:
    """Vega's options, so that axes write numbers alike."""
    symbols = _here().number_symbols["latn"]
    written = {"decimal": symbols["decimal"], "thousands": symbols["group"], "grouping": [3], "currency": ["", ""]}
    return {"embedOptions": {"formatLocale": written}}


def _here() -> Locale:
    return _parsed(st.context.locale or _USUAL)


def _english() -> Locale:
    """English as it is written where the visitor is."""
    return _english_in(_here().territory) if _here().language != "en" else _here()


@lru_cache(maxsize=256)
def _parsed(tag: str) -> Locale:
    try:
        return Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):  # a browser may say anything
        return Locale.parse(_USUAL, sep="-")


@lru_cache(maxsize=256)
def _english_in(territory: str | None) -> Locale:
    try:
        return Locale("en", territory) if territory else _ELSEWHERE
    except UnknownLocaleError:
        return _ELSEWHERE


def _pattern(digits: int) -> str:
    return f"#,##{_decimals(digits)}"


def _decimals(digits: int) -> str:
    return "0." + "0" * digits if digits else "0"
