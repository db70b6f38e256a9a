"""The years of benchmarks/shadow.md: the better model is found, the worse one is not promoted, the forecast is of the right size."""

import numpy as np
import pytest

from benchmarks import shadow

pytestmark = pytest.mark.integration


def test_better_challengers_are_promoted_and_worse_and_equal_ones_are_not() -> None:
    # when
    cases, forecasts, varied = shadow.simulated(3)
    # then
    assert all(case.wrong == 0 for case in cases.values())
    assert all(case.right == 0 for name, case in cases.items() if name.startswith("equal"))
    assert all(case.right == 3 for name, case in cases.items() if name.startswith(("5%", "10%")))
    assert all(0.3 < np.median(told.deals) < 3 for told in forecasts.values())
    lines = "\n".join(shadow.page(cases, forecasts, varied))
    assert "The target, a worse challenger in at most 1%, is met" in lines
    assert all(f"| {name} |" in lines for name in forecasts)
