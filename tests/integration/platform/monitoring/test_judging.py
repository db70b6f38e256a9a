"""The journal's predictions judged in a real PostgreSQL: each once, corrected when its deal turns out otherwise."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from closecast.monitoring.matured import MATURED_COLUMNS
from closecast.monitoring.outcomes import OPEN, REPORT_COLUMNS, WON
from closecast.platform.database import connect
from closecast.platform.journal.outcomes import Outcome, record_outcomes
from closecast.platform.journal.store import Connection, insert
from closecast.platform.monitoring import judging
from closecast.platform.monitoring.judging import judge, matured
from tests.journal_entries import batch, single
from tests.servers.processes import PROJECT
from tests.waiting import until

pytestmark = pytest.mark.integration

_TABLES = "predictions, archive_batches, outcomes, known_deals, matured_predictions, judgements"
_JUDGE = """
import sys
import pandas as pd
from closecast.platform.database import connect
from closecast.platform.monitoring.judging import judge
with connect(sys.argv[1], application_name="to be killed") as connection:
    judge(connection, pd.read_pickle(sys.argv[2]))
"""


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute(f"TRUNCATE {_TABLES}")
        yield connection


def export(day: date, deals: dict[str, tuple[str, date | None]]) -> pd.DataFrame:
    rows = [(deal, stage, close_date, day, day) for deal, (stage, close_date) in deals.items()]
    made = pd.DataFrame(rows, columns=list(REPORT_COLUMNS))
    return made.assign(**{name: pd.to_datetime(made[name]) for name in ("close_date", "told_on", "reach")})


NOTHING = export(date(2017, 1, 1), {})


def rows(connection: Connection) -> Sequence[tuple[object, ...]]:
    query = "SELECT opportunity_id, as_of, won, counts FROM matured_predictions ORDER BY 1, 2"
    return connection.execute(query).fetchall()


def ask(connection: Connection, deal: str, as_of: date, days: int = 30) -> None:
    insert(connection, [single(deals={"opportunity_id": [deal]}, as_of=as_of, horizon_days=days)])


def test_predictions_are_judged_once_their_horizon_is_known(connection: Connection) -> None:
    # given three deals, two of them asked about again while the first answer is open
    for deal in ("A", "B", "C"):
        ask(connection, deal, date(2017, 1, 1))
    ask(connection, "A", date(2017, 1, 8))
    record_outcomes(connection, [Outcome("A", "Won", date(2017, 1, 20))], "key:tests")
    # when the data reach to the day before the first horizon ends, and then beyond it
    early = judge(connection, export(date(2017, 1, 30), {"A": (OPEN, None), "B": (OPEN, None)}))
    late = judge(connection, export(date(2017, 1, 31), {"B": (OPEN, None)}))
    again = judge(connection, export(date(2017, 1, 31), {"B": (OPEN, None)}))
    # then
    assert (early.judged, early.reports.first) == (0, 3)
    assert (late.judged, late.reports.repeated) == (2, 1)
    assert (again.judged, again.corrected, again.withdrawn) == (0, 0, 0)
    assert rows(connection) == [("A", date(2017, 1, 1), True, True), ("B", date(2017, 1, 1), False, True)]
    # and what matures later is judged later
    assert judge(connection, export(date(2017, 2, 28), {"B": (OPEN, None)})).judged == 1
    assert rows(connection)[1] == ("A", date(2017, 1, 8), True, False)


def test_a_late_outcome_corrects_and_a_close_before_the_question_withdraws(connection: Connection) -> None:
    # given
    for deal in ("A", "B"):
        ask(connection, deal, date(2017, 1, 1))
    judge(connection, export(date(2017, 2, 28), {"A": (OPEN, None), "B": (OPEN, None)}))
    assert [won for _, _, won, _ in rows(connection)] == [False, False]
    # when
    record_outcomes(
        connection, [Outcome("A", "Won", date(2017, 1, 9)), Outcome("B", "Lost", date(2016, 12, 30))], "key:tests"
    )
    found = judge(connection, NOTHING)
    # then
    assert (found.judged, found.corrected, found.withdrawn, found.reports.late) == (0, 1, 1, 2)
    assert rows(connection) == [("A", date(2017, 1, 1), True, True)]
    assert judge(connection, NOTHING).reports.repeated == 0  # a posted outcome is taken once


def test_predictions_that_are_stored_late_are_judged(connection: Connection) -> None:
    # given a night on which everything was judged
    ask(connection, "A", date(2017, 1, 1))
    judge(connection, export(date(2017, 3, 31), {"A": (WON, date(2017, 1, 20)), "B0": (OPEN, None)}))
    # when predictions arrive that waited in the spool, in a batch of their own
    insert(connection, [batch(3, as_of=date(2017, 1, 2), horizon_days=30)])
    # then
    assert judge(connection, NOTHING).judged == 1
    assert [deal for deal, *_ in rows(connection)] == ["A", "B0"]


def test_the_table_is_what_the_test_of_harm_takes(connection: Connection) -> None:
    # given
    ask(connection, "A", date(2017, 1, 1))
    judge(connection, export(date(2017, 2, 28), {"A": (WON, date(2017, 1, 20))}))
    # when
    found = matured(connection, "run-7")
    # then
    assert tuple(found.columns) == MATURED_COLUMNS
    assert found[["deal", "as_of", "won", "matured_on", "counts"]].iloc[0].tolist() == [
        "A",
        pd.Timestamp(2017, 1, 1),
        1,
        pd.Timestamp(2017, 1, 31),
        True,
    ]
    assert matured(connection, "another").empty


@pytest.mark.parametrize("at_once", [1, 2, 3, 5, 100])
def test_however_many_are_read_at_once_the_predictions_of_a_deal_are_judged_together(
    at_once: int, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given deals with one to four predictions, stored in turn
    monkeypatch.setattr(judging, "AT_ONCE", at_once)
    for number in range(4):
        for deal in ("A", "B", "C", "D")[number:]:
            ask(connection, deal, date(2017, 1, 1 + number))
    reached = export(date(2017, 3, 31), {"A": (WON, date(2017, 1, 20)), **dict.fromkeys("BCD", (OPEN, None))})
    # when / then each is judged, and one of each deal counts
    assert judge(connection, reached).judged == 10
    assert [deal for deal, _, _, counts in rows(connection) if counts] == ["A", "B", "C", "D"]
    assert [deal for deal, *_ in rows(connection)] == list("ABBCCCDDDD")
    # and when all but one turn out otherwise, they are withdrawn or corrected
    otherwise = [
        Outcome("A", "Lost", date(2016, 12, 30)),
        Outcome("B", "Won", date(2017, 1, 9)),
        Outcome("C", "Won", date(2017, 1, 2)),
    ]
    record_outcomes(connection, otherwise, "key:tests")
    found = judge(connection, NOTHING)
    assert (found.judged, found.corrected, found.withdrawn) == (0, 3, 3)


def test_a_killed_night_leaves_nothing_and_the_next_one_does_it_all(
    connection: Connection, database_url: str, tmp_path: Path
) -> None:
    # given a night whose last step has to wait, because its table is locked
    for number in range(50):
        ask(connection, f"D{number}", date(2017, 1, 1))
    told = export(date(2017, 2, 28), {f"D{number}": (OPEN, None) for number in range(50)})
    file = tmp_path / "told.pickle"
    told.to_pickle(file)
    with connect(database_url) as other, other.transaction():
        other.execute("LOCK TABLE judgements IN SHARE MODE")
        process = subprocess.Popen([sys.executable, "-c", _JUDGE, database_url, str(file)], cwd=PROJECT)
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'to be killed' AND wait_event_type = 'Lock'"
        )
        until(lambda: connection.execute(waiting).fetchone() == (1,))
        # when
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    until(
        lambda: connection.execute(waiting.replace(" AND wait_event_type = 'Lock'", "")).fetchone() == (0,),
    )
    # then
    assert rows(connection) == []
    assert connection.execute("SELECT count(*) FROM known_deals").fetchone() == (0,)
    assert judge(connection, told).judged == 50
    assert judge(connection, told).judged == 0
    assert len(rows(connection)) == 50
