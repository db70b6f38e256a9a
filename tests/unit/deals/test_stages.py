"""Stage histories: what they say of a deal after each entry, and their text."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.deals import stages
from closecast.deals.stages import Entry, Standing


def on(day: int, stage: str | None = None, expected: date | None = None) -> Entry:
    return Entry(date(2017, 3, day), stage, expected)


def test_stages_moves_back_and_slips_are_counted() -> None:
    # given: two steps, a repetition, one back, one on again, and a close that is put off, then brought forward
    entries = [
        on(1, "Lead", date(2017, 5, 1)),
        on(3, "Demo"),
        on(5, "Demo", date(2017, 6, 1)),
        on(8, "Offer"),
        on(9, None, date(2017, 5, 20)),
        on(12, "Demo"),
        on(20, "Offer"),
    ]
    # when
    found = stages.standings(entries)
    # then
    assert found[2] == Standing("Demo", date(2017, 3, 3), 2, 0, date(2017, 6, 1), 1)
    assert found[5] == Standing("Demo", date(2017, 3, 12), 4, 1, date(2017, 5, 20), 1)
    assert found[6] == Standing("Offer", date(2017, 3, 20), 5, 1, date(2017, 5, 20), 1)


def test_skipping_a_stage_or_meeting_a_new_one_is_no_move_back() -> None:
    entries = [on(1, "Offer"), on(2, "Lead"), on(3, "Demo"), on(4, "Lead")]
    assert [one.moves_back for one in stages.standings(entries)] == [0, 0, 0, 1]


@given(
    st.lists(
        st.builds(
            Entry,
            st.dates(date(1970, 1, 1), date(2200, 1, 1)),
            st.none() | st.text(),
            st.none() | st.dates(date(1970, 1, 1), date(2200, 1, 1)),
        ),
        max_size=8,
    )
)
def test_the_text_says_what_was_written_in_the_order_of_time(entries: list[Entry]) -> None:
    assert stages.read(stages.write(entries)) == sorted(entries, key=lambda entry: entry.changed)


@given(st.lists(st.tuples(st.integers(1, 28), st.sampled_from(["A", "B", "C"])), max_size=8), st.integers(0, 8))
def test_later_entries_change_nothing_of_what_was_known_before(rows: list[tuple[int, str]], kept: int) -> None:
    entries = [on(day, stage) for day, stage in sorted(rows)]
    assert stages.standings(entries)[:kept] == stages.standings(entries[:kept])


@pytest.mark.parametrize("text", ["", "{}x", "[1]", '[["soon", "Demo", null]]', '[["2017-03-01", "Demo"]]'])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        stages.read(text)
