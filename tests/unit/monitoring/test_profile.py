"""The profile: the same whatever the chunks and the order of the rows, and kept as bytes."""

import itertools
import json
import random
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.monitoring.profile import Profile
from closecast.monitoring.sketch import Chunk, ProfileError, Sketch
from tests.unit.monitoring.conftest import NUMBERS, made

_ROWS = made("2017-01-01", 250, a_day=8)
_PROFILE = Profile.of(_ROWS, NUMBERS, horizons=(0,))
_BYTES = _PROFILE.to_bytes()
_WINDOW = made("2017-10-01", 40, a_day=8, seed=1, shift=0.5)


def _same(one: Sketch, other: Sketch) -> None:
    np.testing.assert_array_equal(one.counts, other.counts)
    np.testing.assert_array_equal(one.days, other.days)
    np.testing.assert_allclose(one.outside, other.outside)
    assert one.deals == other.deals


@given(st.lists(st.integers(0, len(_WINDOW)), max_size=6), st.randoms(use_true_random=False))
def test_chunks_in_any_order_count_like_the_whole(cuts: list[int], shuffler: random.Random) -> None:
    # given
    whole = Sketch(_PROFILE.layout).add(_WINDOW)
    edges = sorted({0, *cuts, len(_WINDOW)})
    chunks = [_WINDOW[slice(first, last)] for first, last in itertools.pairwise(edges)]
    shuffler.shuffle(chunks)
    # when
    added, merged = Sketch(_PROFILE.layout), Sketch(_PROFILE.layout)
    for chunk in chunks:
        added.add(chunk)
        merged.merge(Sketch(_PROFILE.layout).add(chunk))
    # then
    _same(added, whole)
    _same(merged, whole)


def test_the_order_of_the_rows_does_not_matter() -> None:
    shuffled = _ROWS[np.random.default_rng(3).permutation(len(_ROWS))]
    assert Profile.of(shuffled, NUMBERS, horizons=(0,)).to_bytes() == _BYTES


def test_distinct_deals_are_counted_once() -> None:
    sketch = Sketch(_PROFILE.layout)
    for _ in range(3):
        sketch.add(_WINDOW)
    assert sketch.rows == 3 * len(_WINDOW)
    assert sketch.deals == pytest.approx(len(_WINDOW), rel=0.01)


def test_bytes_give_the_same_profile() -> None:
    read = Profile.from_bytes(_BYTES)
    assert read.to_bytes() == _BYTES
    np.testing.assert_array_equal(read.counts, _PROFILE.counts)
    assert read.layout.names == ("amount", "kind", "product")
    assert len(_BYTES) < 1_000_000


@given(st.integers(0, len(_BYTES) - 1), st.integers(1, 255))
def test_a_damaged_byte_is_noticed(at: int, change: int) -> None:
    damaged = bytearray(_BYTES)
    damaged[at] ^= change
    try:
        read = Profile.from_bytes(bytes(damaged))
    except ProfileError:
        return
    assert read.to_bytes() == _BYTES  # some bits of the compressed form carry nothing


@given(st.integers(0, len(_BYTES) - 1))
def test_a_cut_off_file_is_refused(size: int) -> None:
    with pytest.raises(ProfileError, match="damaged"):
        Profile.from_bytes(_BYTES[:size])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, "expected a 'closecast reference profile' of version 1"),
        ({"format": "something else"}, "something else"),
        ({"columns": []}, "no columns"),
        ({"counts": [1]}, "damaged"),
        ({"cells": [-1]}, "damaged"),
        ({"deals": [0]}, "damaged"),
        ({"movement": [-1.0, 0.0, 0.0]}, "movement"),
        ({"horizons": [7, 7]}, "ascend"),
        ({"horizons": list(range(10_000))}, "ascend"),
        ({"fiscal_year_start": 13}, "fiscal year"),
    ],
)
def test_a_foreign_file_is_refused_in_words(changes: dict[str, object], words: str) -> None:
    content = json.loads(zlib.decompress(_BYTES)) | changes
    with pytest.raises(ProfileError, match=words):
        Profile.from_bytes(zlib.compress(json.dumps(content).encode()))


@pytest.mark.parametrize("content", [b"", b"{}", zlib.compress(b"[]"), zlib.compress(b"nothing"), _BYTES + b"x"])
def test_what_is_no_profile_is_refused(content: bytes) -> None:
    with pytest.raises(ProfileError, match="the profile is damaged"):
        Profile.from_bytes(content)


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(ProfileError, match="too large"):
        Profile.from_bytes(zlib.compress(b"[" * 100_000_000))


def test_a_profile_of_no_rows_is_refused() -> None:
    with pytest.raises(ProfileError, match="no rows"):
        Profile.of(_ROWS[slice(0, 0)], NUMBERS)


def test_a_row_without_a_date_or_with_another_horizon_is_not_compared() -> None:
    # given
    rows = _WINDOW[slice(0, 2)]
    odd = Chunk(
        np.array(["NaT", "2017-10-01"], dtype="M8[D]"),
        np.array([0, 45]),
        rows.deal,
        rows.age_days,
        rows.live,
        rows.numbers,
        rows.names,
    )
    # when
    sketch = Sketch(_PROFILE.layout).add(odd)
    # then
    assert sketch.counts[_PROFILE.layout.other, 0].sum() == 2
    assert sketch.deals == 0
