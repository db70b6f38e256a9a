"""The month of the fiscal year in the commands that train and measure."""

import pytest

from ops import evaluate
from ops.errors import OperatorError
from ops.fiscal import take_fiscal_year_start


def test_the_month_is_taken_out_of_the_arguments() -> None:
    assert take_fiscal_year_start(["source=synthetic", "fiscal_year_start=4"]) == (["source=synthetic"], 4)
    assert take_fiscal_year_start(["source=kaggle"]) == (["source=kaggle"], None)
    assert take_fiscal_year_start([]) == ([], None)


@pytest.mark.parametrize("value", ["fiscal_year_start", "fiscal_year_start=", "fiscal_year_start=0",
                                   "fiscal_year_start=13", "fiscal_year_start=April", "fiscal_year_start=٤"])  # fmt: skip
def test_anything_else_is_refused_by_name(value: str) -> None:
    with pytest.raises(OperatorError, match=f"'{value}' names no month"):
        take_fiscal_year_start([value])


def test_evaluate_takes_a_month_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate._parsed(["--fiscal-year-start", "4"]).fiscal_year_start.first_month == 4
    assert evaluate._parsed([]).fiscal_year_start.first_month == 1
    for wrong in ("13", "April"):
        with pytest.raises(SystemExit):
            evaluate._parsed(["--fiscal-year-start", wrong])
        assert f"'{wrong}' is not a month from 1 to 12" in capsys.readouterr().err
