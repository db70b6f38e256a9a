"""Studies in a real PostgreSQL: what they are bound to outlives the process, and a database that is away is told apart."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import optuna
import psycopg
import pytest

from closecast.models import tuning
from closecast.platform import studies
from closecast.platform.runtime.retry import retry
from tests.killable import Database
from tests.waiting import until

pytestmark = pytest.mark.integration
SCOPE = tuning.Scope("silver/a.parquet", date(2017, 8, 1), source="deals.csv")


@pytest.fixture
def database(server_folder: Path, tmp_path: Path) -> Iterator[Database]:
    found = Database(server_folder / tmp_path.name)
    found.start()
    yield found
    found.stop()


def _url(database: Database) -> str:
    return (
        database.url.replace("postgresql://closecast:", "postgresql+psycopg://optuna:").removesuffix("closecast")
        + "optuna"
    )


def test_a_study_is_bound_in_the_database(database: Database) -> None:
    # given a search
    study = tuning.create("weekly", studies.storage(_url(database)), 1, SCOPE)
    study.tell(study.ask(), 0.3)
    # when another process goes on with it, then it finds the trial
    same = tuning.create("weekly", studies.storage(_url(database)), 2, SCOPE)
    assert tuning.finished(same) == 1
    # and other deals, another cut, other features and other ranges are refused
    for other in (
        replace(SCOPE, data="silver/b.parquet"),
        replace(SCOPE, cut=date(2017, 9, 1)),
        replace(SCOPE, features=SCOPE.features[:-1]),
        replace(SCOPE, ranges={**SCOPE.ranges, "num_leaves": (2, 63)}),
    ):
        with pytest.raises(tuning.StudyError, match="the study weekly is of another search"):
            tuning.create("weekly", studies.storage(_url(database)), 2, other)
    # and nothing was added to it
    assert len(study.get_trials()) == len(same.get_trials())


def test_of_two_searches_that_begin_one_study_at_once_only_one_gets_it(database: Database) -> None:
    # given
    url, refused = _url(database), []
    studies.storage(url)  # its tables
    start = threading.Barrier(2)

    def search(scope: tuning.Scope) -> None:
        start.wait()
        try:
            tuning.create("race", studies.storage(url), 1, scope)
            # What the loser does not see at its own creation, its workers see at theirs.
            time.sleep(2)  # noqa: TID251 - as long as an instance takes to start
            tuning.create("race", studies.storage(url), 1, scope)
        except tuning.StudyError as error:
            refused.append(error)

    threads = [threading.Thread(target=search, args=(replace(SCOPE, data=name),)) for name in ("a", "b")]
    # when
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    # then
    assert len(refused) == 1


def test_a_study_is_idle_once_each_trial_has_ended_or_lost_its_worker(database: Database) -> None:
    # given a worker that is silent in the middle of its trial, and one that is at work
    storage = optuna.storages.RDBStorage(_url(database), heartbeat_interval=1, grace_period=1)
    study = tuning.create("weekly", storage, 1, SCOPE)
    lost, alive = study.ask(), study.ask()
    for trial in (lost, alive):
        key = storage.get_study_id_from_name("weekly")
        storage.record_heartbeat(storage.get_trial_id_from_study_id_trial_number(key, trial.number))
    # when
    assert not studies.is_idle(study)
    study.tell(alive, 0.3)
    # then
    until(lambda: studies.is_idle(study), 10)
    states = {trial.number: trial.state.name for trial in study.get_trials()}
    assert (states[lost.number], states[alive.number]) == ("FAIL", "COMPLETE")


def test_a_database_that_is_killed_is_waited_for_until_it_is_back(database: Database) -> None:
    # given
    study = tuning.create("weekly", studies.storage(_url(database)), 1, SCOPE)
    told: list[str] = []

    def finished() -> int:
        with studies.reached():
            return tuning.finished(study)

    assert finished() == 0
    database.kill()
    with pytest.raises(studies.StudiesAwayError, match="the database of the studies does not answer: "):
        finished()
    thread = threading.Timer(3, database.start)
    # when / then
    thread.start()
    assert retry(finished, 120, told.append) == 0
    thread.join()
    assert len(told) == 1


def test_what_is_no_outage_is_not_called_one(database: Database) -> None:
    with pytest.raises(optuna.exceptions.DuplicatedStudyError), studies.reached():
        for _ in range(2):
            optuna.create_study(study_name="twice", storage=studies.storage(_url(database)))
    with pytest.raises(studies.StudiesAwayError) as refused, studies.reached():
        studies.storage(_url(database).replace("optuna:", "optuna:wrong", 1))
    assert isinstance(refused.value.__cause__.orig, psycopg.OperationalError)  # type: ignore[union-attr]
