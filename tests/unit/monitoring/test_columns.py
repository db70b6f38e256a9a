"""Columns as histograms: every value has a cell, whatever it is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from closecast.monitoring.columns import CELLS, MISSING, UNSEEN, Category, Number, bucketed

_FLOATS = arrays.arrays(
    np.float64, st.integers(1, 300), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
)


@given(_FLOATS, _FLOATS)
def test_every_number_has_a_cell_and_only_missing_ones_are_missing(reference: np.ndarray, window: np.ndarray) -> None:
    # given
    column = Number.of("amount", reference)
    # when
    cells, outside = column.cells(window)
    # then
    assert ((cells >= 0) & (cells < CELLS)).all()
    np.testing.assert_array_equal(cells == MISSING, ~np.isfinite(window))
    assert np.isfinite(outside).all()
    assert (outside >= 0).all()
    assert (np.diff(column.centres) >= 0).all()


@given(st.lists(st.integers(-50, 49), min_size=1, max_size=300))
def test_few_values_have_cells_of_their_own(values: list[int]) -> None:
    column = Number.of("age", np.array(values, dtype=np.float64))
    cells, outside = column.cells(np.array(values, dtype=np.float64))
    np.testing.assert_allclose(column.centres[cells], values)
    assert not outside.any()


def test_a_value_that_categories_lack_is_unseen() -> None:
    column = Number.of("kind", np.array([1.0, 2.0, 3.0]))
    cells, _ = column.cells(np.array([1.0, 2.5, 4.0]))
    assert cells.tolist() == [0, UNSEEN, UNSEEN]


def test_how_far_a_value_lies_outside_is_bounded() -> None:
    column = Number.of("amount", np.linspace(0, 1, 1_000))
    _, outside = column.cells(np.array([0.5, 3.0, -1.0, 1e300]))
    np.testing.assert_allclose(outside[:3], [0.0, 2.0, 1.0])
    assert outside[3] < 1e6


def test_names_are_counted_by_label_and_unknown_and_missing_ones_apart() -> None:
    column = Category.of("product", np.array(["MG", "GTX", None, "GTX"], dtype=object))
    assert column.labels == ("GTX", "MG")
    cells, _ = column.cells(np.array(["MG", "new", None, "GTX"], dtype=object))
    assert cells.tolist() == [1, UNSEEN, MISSING, 0]


def test_buckets_hide_names_and_keep_them_apart() -> None:
    names = bucketed(np.array(["Ada", None, "Boris", "Ada"], dtype=object))
    assert names[0] == names[3] != names[2]
    assert names[1] is None
    assert all(name is None or name.isdigit() for name in names)
