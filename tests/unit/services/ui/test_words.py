"""The page's sentences."""

from datetime import date

import pytest

from services.ui import texts
from services.ui.client import ApiProblemError, FieldProblem


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0, "under 0.1 %"),
        (0.042, "4.2 %"),
        (0.0994, "9.9 %"),
        (0.0996, "10 %"),
        (0.62, "62 %"),
        (0.99, "99 %"),
        (1, "over 99 %"),
    ],
)
def test_percent(probability: float, text: str) -> None:
    # when / then
    assert texts.percent(probability) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0621, "+6.2"), (-0.004, "-0.4"), (0.0004, "0.0"), (-0.0004, "0.0"), (0.2, "+20.0")]
)
def test_points(value: float, text: str) -> None:
    assert texts.points(value) == text


def test_day_and_counted() -> None:
    # when / then
    assert texts.day(date(2017, 12, 1)) == "1 December 2017"
    assert texts.counted(1, "deal", "deals") == "1 deal"
    assert texts.counted(2089, "deal", "deals") == "2,089 deals"


def test_a_problem_speaks_of_the_forms_fields() -> None:
    # given
    field = FieldProblem("deal.engage_date", "", "2018-01-09", "a date no later than as_of, 2017-12-31")
    error = ApiProblemError(422, "…", "the deal was engaged on 2018-01-09: name a later as_of", None, (field,))
    # when
    text = texts.problem(error)
    # then
    assert text == (
        "The deal was engaged on 2018-01-09: name a later as-of date. "
        "Expected: a date no later than as-of date, 2017-12-31."
    )


def test_a_fault_of_the_service_has_a_number_to_quote() -> None:
    # when
    text = texts.problem(ApiProblemError(500, "…", "the service failed", "r42"))
    # then
    assert text == "The service failed. The request's id is r42."
