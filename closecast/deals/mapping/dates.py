"""Reads columns of dates as CRMs write them. Whether the day or the month comes first is decided by the whole column."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from closecast.deals.mapping.document import DateOrder, MappingError

_TIME = r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
_ZONE = r"\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?"
_ISO = re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})" + _TIME + _ZONE)
_NUMERIC = re.compile(
    r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second_part>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})" + _TIME + _ZONE
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED = re.compile(
    r"(?:(?P<day_before>\d{1,2})(?:st|nd|rd|th)?[-. ]+)?(?P<name>[A-Za-z]{3,9})\.?[-, ]+"
    r"(?:(?P<day_after>\d{1,2})(?:st|nd|rd|th)?,?[-, ]+)?(?P<year>\d{4}|\d{2})" + _TIME + _ZONE
)
_SERIAL = re.compile(r"(?P<days>[1-9]\d{4})(?:\.\d+)?")
_COMPACT = re.compile(r"(?P<year>19\d{2}|20\d{2})(?P<month>\d{2})(?P<day>\d{2})" + _TIME + _ZONE)
_EPOCH = re.compile(r"(?P<seconds>1\d{9})(?:\d{3})?")  # seconds since 1970, or milliseconds: of 2001 to 2033
_FIRST_SERIAL, _LAST_SERIAL = 20_000, 80_000  # 1954-10-03 and 2119-01-12
_EXCEL_ORIGIN = date(1899, 12, 30)  # Excel counts 1900-02-29, which never was
_PIVOT = 70  # two-digit years from here on are of the last century


@dataclass(frozen=True)
class DateColumn:
    """What a column's own values say of how it is written.

    `order` is "dmy" or "mdy" where its values prove one of them or need none ("ymd"), None where all of them can be read
    both ways. `ambiguous` is an example of such a value, `share` the share of the filled cells that are dates.
    """

    order: DateOrder | None
    ambiguous: str | None
    share: float


def examine(distinct: Mapping[str, int], column: str) -> DateColumn:
    """Judge a column by its distinct values, each with the number of its cells.

    Raises MappingError for a column in which some values can only be day-first and others only month-first.
    """
    day_first = month_first = either = None
    dates = cells = 0
    for text, count in distinct.items():
        cells += count
        found = _NUMERIC.fullmatch(text)
        if found is None:
            dates += count * (read(text, None) is not None)
            continue
        first, second = int(found["first"]), int(found["second_part"])
        dates += count * (read(text, "dmy") is not None or read(text, "mdy") is not None)
        if first > 12 >= second:
            day_first = day_first or text
        elif second > 12 >= first:
            month_first = month_first or text
        elif found["mark"] == ".":
            day_first = day_first or text  # nobody who writes dots writes the month first
        elif first != second:
            either = either or text
    if day_first and month_first:
        raise MappingError(
            f"the column {column!r} has {day_first!r}, where the day comes first, and {month_first!r}, where the month "
            "does; export it with one kind of date"
        )
    share = dates / cells if cells else 0.0
    if day_first or month_first:
        return DateColumn("dmy" if day_first else "mdy", None, share)
    return DateColumn(None if either else "ymd", either, share)


def read(text: str, order: DateOrder | None, timezone: str = "UTC") -> date | None:
    """The date of one cell, by `order` where its figures can be read in two ways; None for what is no date.

    A time of day with a zone is that moment's date in `timezone`; one without a zone is taken as written there.
    """
    moment = read_moment(text, order, timezone)
    return None if moment is None else moment.date()


def read_moment(text: str, order: DateOrder | None, timezone: str = "UTC") -> datetime | None:
    """The date of one cell as `read` has it, with its time of day in `timezone`; midnight where it has none."""
    text = text.strip()
    if serial := _SERIAL.fullmatch(text):
        days = int(serial["days"])
        moment = datetime.combine(_EXCEL_ORIGIN, time()) + timedelta(float(text))
        return moment if _FIRST_SERIAL <= days <= _LAST_SERIAL else None
    if since := _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(int(since["seconds"]), ZoneInfo(timezone)).replace(tzinfo=None)
    if found := _ISO.fullmatch(text) or _COMPACT.fullmatch(text):
        parts = int(found["year"]), int(found["month"]), int(found["day"])
    elif found := _NUMERIC.fullmatch(text):
        first, second = int(found["first"]), int(found["second_part"])
        month, day = (second, first) if order == "dmy" or found["mark"] == "." else (first, second)
        parts = _year(found["year"]), month, day
    elif found := _NAMED.fullmatch(text):
        day_text = found["day_before"] or found["day_after"]
        month_place = next((at for at, name in enumerate(_MONTHS, 1) if found["name"].lower().startswith(name)), 0)
        if not day_text or not month_place:
            return None
        parts = _year(found["year"]), month_place, int(day_text)
    else:
        return None
    return _moment(parts, found, timezone)


def _year(text: str) -> int:
    year = int(text)
    if len(text) == 4:
        return year
    return year + (1900 if year >= _PIVOT else 2000)


def _moment(parts: tuple[int, int, int], found: "re.Match[str]", timezone: str) -> datetime | None:
    try:
        day = date(*parts)
        if not found["hour"]:
            return datetime.combine(day, time())
        if not found["zone"]:
            return datetime.combine(day, _time_of_day(found) or time())
        written = _time_of_day(found)
        if written is None:
            return None
        zone = "+0000" if found["zone"] in ("Z", "UTC") else found["zone"].replace(":", "")
        moment = datetime.strptime(f"{datetime.combine(day, written):%Y-%m-%d %H:%M:%S}{zone}", "%Y-%m-%d %H:%M:%S%z")
        return moment.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def _time_of_day(found: "re.Match[str]") -> time | None:
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + 12 * (found["half"][0] in "Pp")
    try:
        return time(hour, int(found["minute"]), int(found["second"] or 0))
    except ValueError:
        return None
