"""`evaluate`: what it takes."""

from datetime import date

from closecast.cli import evaluate


def test_evaluate_takes_several_cuts_and_a_month() -> None:
    given = evaluate.parsed(["--cut", "2017-09-01", "cut=2017-10-01", "--fiscal-year-start", "4"], "closecast")
    assert given.cut == [date(2017, 9, 1), date(2017, 10, 1)]
    assert given.fiscal_year_start.first_month == 4
    assert evaluate.parsed([], "closecast").fiscal_year_start.first_month == 1
