"""Dates as CRMs write them; whether the day or the month comes first is the column's to say, never a guess."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.deals.mapping.dates import examine, read, read_moment
from closecast.deals.mapping.document import DateOrder, MappingError

DAY = date(2024, 4, 3)
WRITTEN: list[tuple[str, DateOrder | None]] = [
    ("2024-04-03", None),
    ("2024/04/03", None),
    ("2024-04-03 07:42:00", None),
    ("2024-04-03T07:42:11.123Z", None),
    ("2024-04-03T07:42:11+02:00", None),
    ("4/3/2024", "mdy"),
    ("4/3/2024 7:42", "mdy"),
    ("04/03/24 07:42 PM", "mdy"),
    ("3/4/2024", "dmy"),
    ("03-04-2024", "dmy"),
    ("3.4.2024", None),
    ("03.04.24 07:42", None),
    ("Apr 3, 2024", None),
    ("April 3rd, 2024", None),
    ("3 Apr 2024", None),
    ("03-Apr-24", None),
    ("20240403", None),
    ("20240403 07:42", None),
    ("1712130000", None),
    ("1712130000123", None),
    ("45385", None),
    ("45385.320833", None),
]


@pytest.mark.parametrize(("text", "order"), WRITTEN)
def test_each_way_of_writing_a_date(text: str, order: DateOrder | None) -> None:
    assert read(text, order) == DAY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "13/13/2024",
        "2024-02-30",
        "Foo 3, 2024",
        "12",
        "4512345",
        "1/2",
        "2024-13-01T00:00:00Z",
        "20241301",
        "17121300001",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert read(text, "mdy") is None


def test_a_moment_is_a_date_in_the_time_zone_of_the_export() -> None:
    assert read("2024-04-03T23:30:00Z", None, "Europe/Berlin") == date(2024, 4, 4)
    assert read("2024-04-03T00:30:00+02:00", None, "UTC") == date(2024, 4, 2)
    assert read("2024-04-03 23:30:00", None, "Europe/Berlin") == DAY  # without a zone it is the export's own


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-04-03 14:05:06", datetime(2024, 4, 3, 14, 5, 6)),
        ("4/3/2024 2:05 PM", datetime(2024, 4, 3, 14, 5)),
        ("2024-04-03T23:30:00Z", datetime(2024, 4, 4, 1, 30)),
        ("2024-04-03", datetime(2024, 4, 3)),
        ("2024-04-03 25:00", datetime(2024, 4, 3)),
        ("45385.5", datetime(2024, 4, 3, 12)),
        ("1712181600000", datetime(2024, 4, 4)),
    ],
)
def test_a_time_of_day_orders_what_happened_on_one_day(text: str, moment: datetime) -> None:
    assert read_moment(text, "mdy", "Europe/Berlin") == moment


def test_two_digit_years_are_of_the_century_around_us() -> None:
    assert read("1.1.69", None) == date(2069, 1, 1)
    assert read("1.1.70", None) == date(1970, 1, 1)


@pytest.mark.parametrize(
    ("values", "order", "ambiguous"),
    [
        (["1/2/2024", "13/2/2024"], "dmy", None),
        (["1/2/2024", "2/13/2024"], "mdy", None),
        (["1/2/2024", "3/4/2024"], None, "1/2/2024"),
        (["2/2/2024", "3/3/2024"], "ymd", None),  # the same either way
        (["1.2.2024"], "dmy", None),
        (["2024-01-02"], "ymd", None),
        ([], "ymd", None),
    ],
)
def test_the_whole_column_decides(values: list[str], order: DateOrder | None, ambiguous: str | None) -> None:
    found = examine(dict.fromkeys(values, 3), "Close Date")
    assert (found.order, found.ambiguous) == (order, ambiguous)


def test_a_column_with_both_orders_is_refused_with_two_examples() -> None:
    with pytest.raises(
        MappingError, match=r"'Close Date' has '13/2/2024', where the day .* '2/13/2024', where the month"
    ):
        examine({"13/2/2024": 1, "2/13/2024": 1}, "Close Date")


def test_the_share_of_dates_counts_cells() -> None:
    assert examine({"2024-01-02": 3, "unknown": 1}, "x").share == 0.75


@given(
    st.dates(date(1970, 1, 1), date(2069, 12, 31)), st.sampled_from(["dmy", "mdy", "ymd"]), st.booleans(), st.booleans()
)
def test_a_written_date_is_read_back(day: date, order: DateOrder, is_short: bool, has_time: bool) -> None:
    parts = {"d": f"{day.day}", "m": f"{day.month:02}", "y": f"{day.year % 100:02}" if is_short else str(day.year)}
    text = day.isoformat() if order == "ymd" else "/".join(parts[one] for one in order)
    assert read(text + " 9:05 PM" * has_time, order) == day
