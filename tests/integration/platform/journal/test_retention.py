"""Old predictions leave a real PostgreSQL once they are in the lake, and monitoring goes on."""

from collections.abc import Iterator
from datetime import date, timedelta

import pandas as pd
import pytest

from closecast.monitoring.outcomes import OPEN, REPORT_COLUMNS, WON
from closecast.platform.database import connect
from closecast.platform.journal.outcomes import Outcome, record_outcomes
from closecast.platform.journal.retention import delete_archived, delete_shadow
from closecast.platform.journal.store import Connection, insert
from closecast.platform.monitoring.judging import judge
from tests.journal_entries import single

pytestmark = pytest.mark.integration

_YEAR = timedelta(days=365)
_TABLES = "predictions, archive_batches, outcomes, known_deals, matured_predictions, judgements"


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute(f"TRUNCATE {_TABLES}")
        yield connection


def _export(day: date, deals: dict[str, tuple[str, date | None]]) -> pd.DataFrame:
    made = pd.DataFrame(
        [(deal, stage, close, day, day) for deal, (stage, close) in deals.items()], columns=list(REPORT_COLUMNS)
    )
    return made.assign(**{name: pd.to_datetime(made[name]) for name in ("close_date", "told_on", "reach")})


def _ask(connection: Connection, deal: str, as_of: date) -> None:
    insert(connection, [single(deals={"opportunity_id": [deal]}, as_of=as_of, horizon_days=30)])


def _archived(connection: Connection, days: int) -> None:
    """All that is stored was archived `days` days ago."""
    connection.execute(
        "UPDATE archive_batches SET closed_at = coalesce(closed_at, now()), archived_at = now() - %s",
        [timedelta(days=days)],
    )


def _stored(connection: Connection) -> list[str]:
    found = connection.execute("SELECT opportunity_id FROM predictions ORDER BY 1").fetchall()
    return [deal for (deal,) in found]


def test_what_is_old_archived_and_matured_is_deleted(connection: Connection) -> None:
    # given predictions of three deals, of which the last has not matured
    for deal, day in (("A", date(2017, 1, 1)), ("B", date(2017, 1, 1)), ("C", date(2017, 2, 20))):
        _ask(connection, deal, day)
    judge(connection, _export(date(2017, 2, 28), {"A": (WON, date(2017, 1, 9)), "B": (OPEN, None), "C": (OPEN, None)}))
    # when / then
    assert delete_archived(connection, _YEAR) == 0  # not in the lake
    _archived(connection, 300)
    assert delete_archived(connection, _YEAR) == 0  # not old
    _archived(connection, 366)
    assert delete_archived(connection, _YEAR) == 2
    assert _stored(connection) == ["C"]
    # and the last one once it has matured
    judge(connection, _export(date(2017, 3, 31), {"C": (OPEN, None)}))
    assert (delete_archived(connection, _YEAR), delete_archived(connection, _YEAR)) == (1, 0)
    assert connection.execute("SELECT count(*) FROM archive_batches WHERE emptied_at IS NULL").fetchone() == (0,)


def test_judged_predictions_stay_and_are_corrected_when_they_are_gone(connection: Connection) -> None:
    # given two judged predictions that have left PostgreSQL, and one of the same deal that has not
    for deal in ("A", "B"):
        _ask(connection, deal, date(2017, 1, 1))
    judge(connection, _export(date(2017, 2, 28), {"A": (OPEN, None), "B": (OPEN, None)}))
    _archived(connection, 366)
    assert delete_archived(connection, _YEAR) == 2
    _ask(connection, "A", date(2017, 3, 15))
    # when the first turns out won, late, and then the rest matures
    record_outcomes(connection, [Outcome("A", "Won", date(2017, 1, 9))], "key:tests")
    corrected = judge(connection, _export(date(2017, 2, 28), {}))
    judge(connection, _export(date(2017, 4, 30), {"B": (OPEN, None)}))
    # then
    assert (corrected.corrected, corrected.withdrawn) == (1, 0)
    found = connection.execute("SELECT opportunity_id, as_of, won FROM matured_predictions ORDER BY 1, 2").fetchall()
    assert found == [("A", date(2017, 1, 1), True), ("B", date(2017, 1, 1), False)]


def test_what_was_said_in_shadow_is_deleted_when_it_is_compared_no_more(connection: Connection) -> None:
    # given three pairs: compared lately, compared long ago, and answered long ago but never compared
    connection.execute("TRUNCATE shadow_predictions, shadow_comparisons")
    for served, answered, compared in (("lately", 500, 10), ("long ago", 500, 366), ("never", 366, None)):
        for deal in ("A", "B"):
            connection.execute(
                """
                INSERT INTO shadow_predictions (model_run_id, id, "row", model_version, probability, opportunity_id, "time", as_of,
                    horizon_days, served_run_id, served_version, served)
                VALUES ('run-2', gen_random_uuid(), 0, '2', 0.4, %s, now() - %s, '2017-01-01', 30, %s, '1', 0.5)
                """,
                [deal, timedelta(days=answered), served],
            )
        if compared is not None:
            connection.execute(
                """
                INSERT INTO shadow_comparisons (shadow_run_id, served_run_id, reach, shadow_version, served_version, verdict, deals,
                    figures, sentence, compared_at)
                VALUES ('run-2', %s, '2017-01-02', '2', '1', 'inconclusive', 2, '{}', '', now() - %s)
                """,
                [served, timedelta(days=compared)],
            )
    # when / then
    assert (delete_shadow(connection, 2 * _YEAR), delete_shadow(connection, _YEAR)) == (0, 4)
    left = connection.execute("SELECT DISTINCT served_run_id FROM shadow_predictions").fetchall()
    assert left == [("lately",)]
    assert connection.execute("SELECT count(*) FROM shadow_comparisons").fetchone() == (2,)
