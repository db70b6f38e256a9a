"""The measure of training on a small export: every figure is there, and the page says what is above its bound."""

import pytest

from benchmarks import training
from ops.errors import OperatorError

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.mark.timeout(900)
def test_a_run_beside_a_busy_loop_measures_training_and_one_fit() -> None:
    # when
    found = training.measure("synthetic:2500", busy=1)
    # then
    assert found["published_cpu"] > found["train_cpu"] > found["build_cpu"] > found["fit_cpu"] > 0
    assert found["rows"] > 10_000
    assert found["rounds"] >= 1


def _run(train: float) -> dict[str, float]:
    both = {
        f"{name}_{kind}": value
        for name, value in (("published", train), ("train", train), ("build", train), ("fit", 1.0))
        for kind in ("cpu", "wall")
    }
    return {**both, "rows": 1_000, "rounds": 10, "load": 0.5}


def test_the_page_marks_what_is_above_its_bound() -> None:
    # when
    lines = training.beside({0: [_run(5)], 1: [_run(10)], 2: [_run(20)]}, [_run(5)])
    # then
    assert [line.split("|")[4].strip() for line in lines[2:]] == ["1.00", "2.00", "4.00 **above**"]
    assert [line.count("**above**") for line in training.fits([_run(7)])[2:]] == [0, 0, 0, 0]
    assert [line.count("**above**") for line in training.fits([_run(9)])[2:]] == [0, 2, 2, 0]
    assert training.by_cut({"one": [_run(9), _run(7)]})[-1].endswith(
        "| 8.0 (7.0 to 9.0) | 8.0 (7.0 to 9.0) | 8.0 (7.0 to 9.0) |"
    )
    assert training.by_cut({"one": [_run(9)]})[-1].count("**above**") == 2


@pytest.mark.parametrize(("last", "verdict"), [(30.0, "linear in rows"), (60.0, "**not linear in rows**")])
def test_time_is_linear_in_rows_where_the_rounds_explain_what_a_row_takes(last: float, verdict: str) -> None:
    # given: 10 µs a row and 0.1 µs for each round, but for the last
    sizes = {
        "small": {**_run(1.1), "rows": 100_000, "rounds": 10},
        "middle": {**_run(2.0), "rows": 100_000, "rounds": 100},
        "large": {**_run(last), "rows": 1_000_000, "rounds": 200},
    }
    # when
    lines = training.growth(sizes)
    # then
    assert f"which is {verdict} (" in lines[-1]
    assert ("The line: 10.0 µs a row and 0.10 µs more" in lines[-1]) == (last == 30.0)
    assert len(training.growth({"small": sizes["small"]})) == 3


@pytest.mark.parametrize("argument", ["size=3", "rounds=", "rounds=0", "rows=10,x", "cuts=2017-13-01"])
def test_what_is_no_argument_of_it_is_named(argument: str) -> None:
    with pytest.raises(OperatorError, match=argument):
        training.main([argument])


def test_training_that_fails_says_why() -> None:
    with pytest.raises(OperatorError, match=r"training on file:/none\.csv failed: (?s:.)*none\.csv"):
        training.measure("file:/none.csv")
