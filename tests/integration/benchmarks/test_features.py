"""The features of the real file are those of a plain version in pandas."""

import pandas as pd

from benchmarks import features as benchmark
from closecast.deals.contract import check


def test_the_values_are_those_of_a_plain_pandas_version(real_raw: pd.DataFrame) -> None:
    """Written from the declared formulas alone; the benchmark measures against it."""
    accepted = check(real_raw).accepted
    benchmark.same_values(accepted[accepted["engage_date"].notna()].reset_index(drop=True))
