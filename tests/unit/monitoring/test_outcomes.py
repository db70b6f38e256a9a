"""What is known of a deal is what was reported last; every report is counted as one kind."""

from dataclasses import astuple
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.monitoring.outcomes import LOST, OPEN, REPORT_COLUMNS, WON, ReportCounts, known

Report = tuple[str, str, date | None, date, date | None]  # REPORT_COLUMNS

_DAYS = st.dates(date(2017, 1, 1), date(2017, 1, 12))


def frame(reports: list[Report]) -> pd.DataFrame:
    made = pd.DataFrame(reports, columns=list(REPORT_COLUMNS))
    for name in ("close_date", "told_on", "reach"):
        made[name] = pd.to_datetime(made[name])
    return made


@st.composite
def reports(draw: st.DrawFn) -> list[Report]:
    found: list[Report] = []
    for _ in range(draw(st.integers(0, 14))):
        stage = draw(st.sampled_from([WON, LOST, OPEN]))
        close_date = None if stage == OPEN else draw(_DAYS)
        found.append((draw(st.sampled_from("AB")), stage, close_date, draw(_DAYS), draw(st.none() | _DAYS)))
    return found


def _one_by_one(given_reports: list[Report]) -> tuple[dict[str, tuple[str, date | None]], ReportCounts]:
    """The rule as it is told in words, one report after the other."""
    counts = dict.fromkeys(ReportCounts.__dataclass_fields__, 0)
    deals: dict[str, tuple[str, date | None]] = {}
    told: list[Report] = sorted(given_reports, key=lambda report: report[3])
    for deal, stage, close_date, told_on, _ in told:
        before = deals.get(deal)
        if before == (stage, close_date):
            counts["repeated"] += 1
            continue
        if before is None or before[0] == OPEN:
            counts["first"] += 1
        else:
            counts["reopened" if stage == OPEN else "contradictory"] += 1
        reach = max((other[4] for other in told if other[3] < told_on and other[4] is not None), default=None)
        counts["late"] += close_date is not None and reach is not None and close_date <= reach
        deals[deal] = (stage, close_date)
    return deals, ReportCounts(**counts)


@given(reports())
def test_the_last_report_holds_and_each_is_counted(given_reports: list[Report]) -> None:
    # when
    found = known(frame(given_reports))
    # then
    deals, counts = _one_by_one(given_reports)
    assert found.counts == counts
    assert sum(astuple(counts)) - counts.late == len(given_reports)
    assert {
        str(deal): (row["stage"], None if pd.isna(row["close_date"]) else row["close_date"].date())
        for deal, row in found.deals.iterrows()
    } == deals
    reaches = [report[4] for report in given_reports if report[4] is not None]
    assert found.reach.item() == max(reaches, default=None)


@given(reports())
def test_to_report_the_last_again_changes_nothing(given_reports: list[Report]) -> None:
    # given each deal's last report, told again
    told = frame(given_reports)
    last = told.sort_values("told_on", kind="stable").drop_duplicates("deal", keep="last")
    again = pd.concat([told, last.assign(told_on=pd.Timestamp(2017, 2, 1))], ignore_index=True)
    # when
    before, after = known(told), known(again)
    # then
    pd.testing.assert_frame_equal(before.deals.drop(columns="told_on"), after.deals.drop(columns="told_on"))
    assert after.counts.repeated == before.counts.repeated + len(last)
    assert after.counts.contradictory == before.counts.contradictory


@given(reports(), st.dates(date(2016, 12, 30), date(2017, 1, 13)))
def test_nightly_steps_come_to_what_all_reports_at_once_do(given_reports: list[Report], night: date) -> None:
    # given
    earlier = [report for report in given_reports if report[3] < night]
    later = [report for report in given_reports if report[3] >= night]
    # when
    whole, first = known(frame(given_reports)), known(frame(earlier))
    second = known(frame(later), first)
    # then
    pd.testing.assert_frame_equal(second.deals, whole.deals, check_dtype=False)
    assert second.reach.item() == whole.reach.item()
    assert astuple(whole.counts) == tuple(np.add(astuple(first.counts), astuple(second.counts)))


def test_an_older_report_changes_nothing() -> None:
    # given
    before = known(frame([("A", WON, date(2017, 1, 5), date(2017, 1, 6), None)]))
    # when an export of the day before is imported
    after = known(frame([("A", OPEN, None, date(2017, 1, 4), date(2017, 1, 4))]), before)
    # then
    assert after.deals["stage"].to_dict() == {"A": WON}
    assert after.counts == ReportCounts(first=0, repeated=0, contradictory=0, reopened=0, outdated=1, late=0)
    assert after.reach.item() == date(2017, 1, 4)


def test_each_kind() -> None:
    # given
    first, second, third = date(2017, 1, 31), date(2017, 2, 28), date(2017, 3, 31)
    told: list[Report] = [
        ("won", OPEN, None, first, first),
        ("late", OPEN, None, first, first),
        ("won", WON, date(2017, 2, 3), date(2017, 2, 4), None),
        ("won", WON, date(2017, 2, 3), second, second),  # repeated
        ("late", LOST, date(2017, 1, 20), second, second),  # said to be open on 31 January
        ("odd", WON, date(2017, 2, 9), second, second),
        ("odd", LOST, date(2017, 2, 9), third, third),  # contradictory
        ("back", LOST, date(2017, 2, 10), second, second),
        ("back", OPEN, None, third, third),  # reopened
    ]
    # when
    found = known(frame(told))
    # then
    assert found.counts == ReportCounts(first=6, repeated=1, contradictory=1, reopened=1, outdated=0, late=2)
    assert found.deals["stage"].to_dict() == {"back": OPEN, "late": LOST, "odd": LOST, "won": WON}
    assert found.reach.item() == third


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (("A", "Engaging", None, date(2017, 1, 1), None), "'Engaging' is none of Won, Lost and Open"),
        (("A", WON, None, date(2017, 1, 1), None), "deal A is Won with close_date NaT"),
        (("A", OPEN, date(2017, 1, 1), date(2017, 1, 1), None), "deal A is Open with close_date 2017"),
    ],
)
def test_an_impossible_report_is_refused(report: Report, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        known(frame([report]))
