"""Numbers, amounts and dates as different browsers write them."""

from datetime import date
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from services.ui import locales
from services.ui import texts as texts_of_pages
from tests.integration.services.ui.answers import MODEL
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import come_with, metrics, opened, texts

pytestmark = pytest.mark.integration

DAY = date(2017, 12, 31)


def _browser(locale: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "context", SimpleNamespace(locale=locale))


@pytest.mark.parametrize(
    ("locale", "day", "short", "number", "money", "field"),
    [
        ("en-US", "December 31, 2017", "December 31", "+1,234.6", "€1,234,568", "MM/DD/YYYY"),
        ("en-GB", "31 December 2017", "31 December", "+1,234.6", "€1,234,568", "DD/MM/YYYY"),
        ("de-DE", "31 December 2017", "31 December", "+1.234,6", "1.234.568\xa0€", "DD.MM.YYYY"),
        ("fr-FR", "31 December 2017", "31 December", "+1\u202f234,6", "1\u202f234\u202f568\xa0€", "DD/MM/YYYY"),
        ("sv-SE", "31 December 2017", "31 December", "+1\xa0234,6", "1\xa0234\xa0568\xa0€", "YYYY-MM-DD"),
        ("en-IN", "31 December 2017", "31 December", "+1,234.6", "€12,34,568", "DD/MM/YYYY"),
        ("../etc", "31 December 2017", "31 December", "+1,234.6", "€1,234,568", "DD/MM/YYYY"),
        (None, "31 December 2017", "31 December", "+1,234.6", "€1,234,568", "DD/MM/YYYY"),
    ],
)
def test_a_browser_reads_what_it_is_used_to(
    locale: str | None, day: str, short: str, number: str, money: str, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _browser(locale, monkeypatch)
    assert (locales.day(DAY), locales.short_day(DAY)) == (day, short)
    assert locales.number(1234.56, 1, sign=True) == number
    assert locales.money(1234567.5, "EUR") == money
    assert locales.of_fields() == field


def test_amounts_without_a_currency_are_numbers_and_nothing_is_less_than_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _browser("en-US", monkeypatch)
    assert locales.money(-1234.5, None, 2, sign=True) == "-1,234.50"
    assert locales.money(-1234.5, "USD", 2, sign=True) == "-$1,234.50"
    assert locales.money(3, "XYZ") in ("XYZ3", "XYZ\xa03")
    assert locales.number(-0.04, 1) == "0.0"


def test_dates_in_the_apis_sentences_are_written_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    _browser("en-US", monkeypatch)
    sentence = "A deal engaged on 2017-12-31: 54 % of such deals are won by 2018-03-31."
    assert texts_of_pages.with_days(sentence) == (
        "A deal engaged on December 31, 2017: 54 % of such deals are won by March 31, 2018."
    )


def test_charts_are_told_the_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    _browser("de-DE", monkeypatch)
    written = locales.of_charts()["embedOptions"]["formatLocale"]
    assert (written["decimal"], written["thousands"]) == (",", ".")


def test_pages_show_the_datas_currency_and_no_formula(
    app: AppTest, api: ApiDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.override["/v1/model"] = (200, {**MODEL, "currency": "USD"})
    come_with("the-token", monkeypatch, locale="en-US")
    opened(app, "forecast")
    assert metrics(app)["Won revenue to expect"] == "$2,500,001"
    # what is between two dollars would be a formula
    assert any(r"it ends between **\$2,400,000** and **\$2,600,000**." in one.value for one in app.markdown)
    assert "from October 1, 2017 to December 31, 2017" in texts(app)
