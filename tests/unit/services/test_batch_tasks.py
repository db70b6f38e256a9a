"""What a worker of a study is told, and what it says when something is missing."""

import pytest

from closecast.platform.settings import SettingsError
from services.score.__main__ import Task as ScoreTask
from services.trial.__main__ import Task

LAKE = {"CLOSECAST_LAKE_BUCKET": "lake", "AWS_REGION": "us-east-1"}
TRIAL = {
    **LAKE,
    "CLOSECAST_STUDY": "s",
    "CLOSECAST_SILVER_KEY": "silver/1.parquet",
    "CLOSECAST_CUT": "2017-09-01",
    "CLOSECAST_TRIALS": "10",
    "OPTUNA_STORAGE": "postgresql+psycopg://optuna@127.0.0.1/optuna",
}
SCORE = {
    **LAKE,
    "CLOSECAST_SOURCE": "a.parquet",
    "CLOSECAST_TARGET": "b.parquet",
    "CLOSECAST_AS_OF": "2017-12-31",
    "CLOSECAST_HORIZON": "quarter_end",
    "CLOSECAST_MODEL_VERSION": "3",
    "CLOSECAST_MODEL_RUN": "run-3",
    "CLOSECAST_MODEL_SHA256": "0" * 64,
    "CLOSECAST_MODEL_CACHE": "models",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
}


def test_a_trial_worker_reads_its_task() -> None:
    task = Task.from_environment(TRIAL)
    assert (task.study, task.cut.isoformat(), task.trials, task.seed) == ("s", "2017-09-01", 10, 7)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [(name, "", f"{name} is not set") for name in TRIAL if name.startswith(("CLOSECAST", "OPTUNA"))]
    + [("CLOSECAST_CUT", "soon", "unusable"), ("CLOSECAST_TRIALS", "many", "unusable")],
)
def test_a_trial_worker_names_what_is_wrong(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Task.from_environment({**TRIAL, name: value})


def test_a_scoring_worker_reads_its_task() -> None:
    assert ScoreTask.from_environment(SCORE).horizon == "quarter_end"
    assert ScoreTask.from_environment({**SCORE, "CLOSECAST_HORIZON": "30"}).horizon == 30


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [(name, "", f"{name} is not set") for name in SCORE if name.startswith("CLOSECAST_")]
    + [("CLOSECAST_AS_OF", "soon", "unusable"), ("CLOSECAST_HORIZON", "year", "unusable")],
)
def test_a_scoring_worker_names_what_is_wrong(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        ScoreTask.from_environment({**SCORE, name: value})
