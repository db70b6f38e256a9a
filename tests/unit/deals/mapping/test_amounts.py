"""Amounts with signs, codes and separators; the whole column decides on the decimal mark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.deals.mapping.amounts import Mark, currency, decimal_mark, read
from closecast.deals.mapping.document import MappingError


@pytest.mark.parametrize(
    ("text", "mark", "amount"),
    [
        ("1,234.50", ".", 1234.5),
        ("1.234,50 €", ",", 1234.5),
        ("£1,234", ".", 1234.0),
        ("1.234,50 kr", ",", 1234.5),
        ("1 234,50 zł", ",", 1234.5),
        ("R$ 1.234,50", ",", 1234.5),
        ("Fr. 12.50", ".", 12.5),
        ("(1,200)", ".", -1200.0),
        ("-5", ".", -5.0),
        ("$-3.20", ".", -3.2),
        ("EUR 12,5", ",", 12.5),
        ("12'000.50 CHF", ".", 12000.5),
        ("1\u202f234,5", ",", 1234.5),
        ("0.123", ".", 0.123),
        ("1e5", ".", None),
        ("(5", ".", None),
        ("n/a", ".", None),
        ("", ".", None),
    ],
)
def test_each_way_of_writing_an_amount(text: str, mark: Mark, amount: float | None) -> None:
    assert read(text, mark) == amount


@pytest.mark.parametrize(
    ("values", "mark"),
    [
        (["1,234.50", "7"], "."),
        (["1.234,50", "7"], ","),
        (["1.234", "12.5"], "."),  # 1.234 could be thousands; 12.5 says that it is not
        (["1.234", "2.500"], ","),  # each with three figures behind: thousands
        (["1.234.567"], ","),
        (["£1,234"], "."),
        (["12,5"], ","),
        (["5", "7"], "."),
    ],
)
def test_the_whole_column_decides_on_the_mark(values: list[str], mark: Mark) -> None:
    assert decimal_mark(values, "Amount") == mark


def test_a_column_that_contradicts_itself_is_refused_with_two_examples() -> None:
    with pytest.raises(MappingError, match=r"'Amount' has '1,234.50', where a point .* and '1.234,50', where a comma"):
        decimal_mark(["1.234,50", "1,234.50"], "Amount")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("€", "EUR"),
        ("1.234,50 €", "EUR"),
        ("1 234,50 zł", "PLN"),
        ("R$ 5", "BRL"),
        ("5 kr", None),
        ("US Dollar", "USD"),
        ("usd", "USD"),
        ("$5", "USD"),
        ("5", None),
        ("", None),
        ("12 CHF", "CHF"),
    ],
)
def test_currencies_by_sign_code_and_name(text: str, code: str | None) -> None:
    assert currency(text) == code


@given(st.integers(0, 10**9), st.sampled_from([(",", "."), (".", ","), ("", "."), ("'", "."), (" ", ",")]))
def test_a_written_amount_is_read_back(cents: int, marks: tuple[str, Mark]) -> None:
    thousands, mark = marks
    whole = f"{cents // 100:,}".replace(",", thousands)
    text = f"{whole}{mark}{cents % 100:02}"
    assert decimal_mark([text], "Amount") == mark
    assert read(text, mark) == cents / 100
