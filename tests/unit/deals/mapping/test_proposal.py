"""A mapping is proposed from names and values; what only the user can say is asked, never guessed."""

from typing import Any

import pandas as pd
import pytest

from closecast.deals.mapping.document import MappingError, parse
from closecast.deals.mapping.profiles import shipped
from closecast.deals.mapping.proposal import propose
from closecast.deals.reading.table import Layout, RawTable

GENERIC: dict[str, list[str]] = {
    "Record ID": ["a", "A", "b", "c"],
    "Owner": ["Ada", "Bo", "Ada", "Cy"],
    "Stage": ["Closed Won", "Closed Lost", "Proposal", "On Hold"],
    "Created": ["13/01/2024", "02/01/2024", "03/02/2024", "01/01/2024"],
    "Closed": ["14/02/2024", "02/03/2024", "", ""],
    "Expected Close Date": ["", "", "03/12/2024", ""],
    "Amount": ["£1,234", "£0", "", ""],
}


def _table(**changes: Any) -> RawTable:
    columns = {name.replace("_", " "): values for name, values in changes.items()}
    frame = pd.DataFrame({**GENERIC, **columns}, dtype=object)
    return RawTable(frame.drop(columns=[name for name, values in columns.items() if values is None]), Layout("CSV"))


def test_known_names_and_fitting_values_are_certain() -> None:
    # when
    proposal = propose(_table())
    # then
    assert proposal.is_certain
    columns = proposal.mapping.columns
    assert (columns.stage, columns.created, columns.closed) == ("Stage", "Created", "Closed")
    assert (columns.opportunity_id, columns.sales_agent, columns.amount) == ("Record ID", "Owner", "Amount")
    assert columns.product is None
    assert proposal.mapping.stages == {
        "Closed Won": "won",
        "Closed Lost": "lost",
        "Proposal": "open",
        "On Hold": "ignored",
    }
    assert (proposal.mapping.dates, proposal.mapping.decimal_mark) == ("dmy", ".")


def test_managers_and_regions_are_found_beside_a_crms_own_columns() -> None:
    # given
    [profile] = [one for one in shipped() if one.name == "salesforce_report"]
    frame = pd.DataFrame(dict.fromkeys(profile.columns.used(), GENERIC["Owner"]), dtype=object)
    for name in ("Created Date", "Close Date"):
        frame[name] = ["2024-01-02", "2024-01-03", "2024-01-04", ""]
    frame = frame.assign(Stage=GENERIC["Stage"], **{"Sales Territory": list("NSNS"), "Owner Manager": list("xyxy")})
    table = RawTable(frame, Layout("CSV"))
    # when / then
    found = propose(table).mapping
    assert found.name == "salesforce_report"
    assert (found.columns.manager, found.columns.region) == ("Owner Manager", "Sales Territory")
    assert propose(_table()).mapping.columns.region is None


@pytest.mark.parametrize(
    ("changes", "words", "place"),
    [
        (
            {"Stage": ["Closed Won", "Closed Lost", "Mulling", "Mulling"]},
            r"what do these stages mean, open, won, lost or ignored: 'Mulling' \(2 rows\)\?",
            ("stages", "Mulling"),
        ),
        (
            {"Created": ["03/01/2024"] * 4, "Closed": ["04/02/2024", "05/03/2024", "", ""]},
            r"is '03/01/2024' in 'Created' day-first \(dmy\) or month-first \(mdy\)\?",
            ("dates",),
        ),
        ({"Amount": ["£5", "$7", "", ""]}, "what is one of GBP and of USD worth, in one currency", ("rates", "GBP")),
        (
            {"Created": None, "Begun": ["13/01/2024", "02/01/2024", "03/02/2024", "01/01/2024"]},
            "Its name does not say so",
            ("columns", "created"),
        ),
        (
            {"Amount": ["12 pts", "7 pts", "", ""]},
            "is 'Amount' the amount of a deal\\? '12 pts'",
            ("columns", "amount"),
        ),
        ({"Stage": ["Ja", "Nein", "?", "?"]}, "what do these stages mean, .*'Nein'", ("stages", "Nein")),
        (
            {"Closed": None, "Done": ["", "14/02/2024", "02/03/2024", ""]},
            "is 'Done' the date on which a deal was won or lost",
            ("columns", "closed"),
        ),
        ({"Stage": None}, "which column is the stage or status", ("columns", "stage")),
    ],
)
def test_what_the_export_does_not_say_is_asked(changes: dict[str, Any], words: str, place: tuple[str, ...]) -> None:
    # when
    proposal = propose(_table(**changes))
    # then
    assert not proposal.is_certain
    question = next(one for one in proposal.questions if place in one.places)
    assert pd.Series(question.text).str.contains(words).all(), question.text
    # and the draft cannot be used before it is answered
    draft: Any = proposal.draft()
    for key in place:
        draft = draft[key]
    assert draft == "?"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"Created": ["13/01/2024", "01/13/2024", "1/1/2024", "1/1/2024"]},
            "'Created' has '13/01/2024', where the day",
        ),
        ({"Closed": ["02/14/2024", "02/03/2024", "", ""]}, "write dates in two orders; export them alike"),
        ({"Amount": ["1.234,50", "1,234.50", "", ""]}, "where a point is the decimal mark"),
    ],
)
def test_contradictions_are_told(changes: dict[str, Any], words: str) -> None:
    assert any(words in one.text for one in propose(_table(**changes)).questions)


@pytest.mark.parametrize("words", [["high", "low", "", ""], ["13/01/2024", "14/01/2024", "", ""]])
def test_a_column_without_figures_is_not_asked_about(words: list[str]) -> None:
    proposal = propose(_table(Amount=words))
    assert proposal.is_certain
    assert proposal.mapping.columns.amount is None


def test_an_expected_close_is_no_close() -> None:
    proposal = propose(_table(Closed=None))
    assert [one.places for one in proposal.questions] == [((("columns", "closed")),)]


def test_a_win_and_a_loss_may_be_dated_apart() -> None:
    # given
    won, lost = ["14/02/2024", "", "", ""], ["", "02/03/2024", "", ""]
    # when / then
    both = propose(_table(Closed=None, Date_won=won, Date_lost=lost))
    assert both.is_certain
    assert both.mapping.columns.closed == ("Date won", "Date lost")
    # and one of them says nothing of the other deals
    alone = propose(_table(Closed=None, Date_won=won))
    assert [one.places for one in alone.questions] == [((("columns", "closed")),)]


@pytest.mark.parametrize(
    ("won", "lost"),
    [("Fermée gagnée", "Fermée perdue"), ("Cerrada ganada", "Cerrada/Perdida"), ("7 - Gesloten: gewonnen", "Dead")],
)
def test_a_stage_may_say_closed_in_any_language(won: str, lost: str) -> None:
    proposal = propose(_table(Stage=[won, lost, "Proposal", "Suspended"]))
    assert proposal.is_certain
    assert proposal.mapping.stages == {won: "won", lost: "lost", "Proposal": "open", "Suspended": "ignored"}


def test_closed_alone_says_not_how() -> None:
    proposal = propose(_table(Stage=["Won", "Lost", "Closed", "Closed"]))
    assert [one.places for one in proposal.questions] == [((("stages", "Closed")),)]


def test_a_time_zone_in_a_columns_name_is_no_part_of_it() -> None:
    columns = propose(_table(Created=None, DATE_CREATED_UTC=["13/01/2024", "02/01/2024", "03/02/2024", "01/01/2024"]))
    assert columns.is_certain
    assert columns.mapping.columns.created == "DATE CREATED UTC"


def test_no_word_of_a_file_that_is_no_export_is_quoted() -> None:
    frame = pd.DataFrame({"root:s3cret": ["daemon", "bin"], "x": ["s3cret", "y"]}, dtype=object)
    proposal = propose(RawTable(frame, Layout("CSV")))
    assert len(proposal.questions) == 3
    assert "s3cret" not in " ".join(one.text for one in proposal.questions)


@pytest.mark.parametrize("profile", shipped(), ids=lambda profile: profile.name)
def test_an_export_with_the_columns_of_a_profile_is_recognised(profile: Any) -> None:
    # given a table with the profile's columns, its stages, and dates that are in no doubt
    values: dict[str, list[str]] = {}
    stages = [stage for stage, meaning in profile.stages.items() if meaning in ("won", "lost")]
    for column, use in profile.columns.used().items():
        values[column] = {
            "stage": stages,
            "created": ["2024-01-02"] * len(stages),
            "closed": ["2024-02-03"] * len(stages),
            "amount": ["5"] * len(stages),
            "currency": ["EUR"] * len(stages),
        }.get(use, [f"{use} {at}" for at in range(len(stages))])
    # when
    proposal = propose(RawTable(pd.DataFrame(values, dtype=object), Layout("CSV")))
    # then
    assert proposal.is_certain, proposal.questions
    assert proposal.mapping.name == profile.name
    assert proposal.mapping.columns == profile.columns


def test_a_draft_with_a_question_mark_is_no_mapping() -> None:
    with pytest.raises(MappingError, match=r"leaves columns\.stage open"):
        parse("version: 1\ncolumns: {stage: '?', created: a, closed: b}\nstages: {}\n")
