"""Runs that are followed, files that are scored, and predictions that are told in words."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ops.api import predict
from ops.api.client import Api
from ops.cli import summary
from ops.errors import OperatorError
from ops.prefect.pipeline import Prefect
from tests.http_double import Double


def _run(state: str, message: str = "") -> dict[str, Any]:
    return {"name": "wise-owl", "state_type": state, "state": {"message": message}}


def test_a_run_is_followed_to_its_result(double: Double, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    prefect = Prefect(double.address, "a:b")
    task = {"id": "1", "name": "fit-0", "state_type": "COMPLETED", "total_run_time": 2.5}
    double.answers |= {
        "GET /api/deployments/name/train/closecast": (200, {"id": "d"}),
        "POST /api/deployments/d/create_flow_run": (201, {"id": "r"}),
        "GET /api/flow_runs/r": [(200, _run("RUNNING")), (200, _run("COMPLETED"))],
        "POST /api/task_runs/filter": (200, [task]),
        "POST /api/artifacts/filter": (200, [{"data": json.dumps([{"version": "3"}])}]),
    }
    # when
    run = prefect.submit("train/closecast", {"source": "synthetic"})
    prefect.follow(run)
    # then
    assert prefect.result(run) == {"version": "3"}
    printed = capsys.readouterr().out
    assert printed.count("fit: completed (2.5 s)") == 1
    assert "flow run wise-owl: completed" in printed


def test_a_run_is_followed_on_once_prefect_has_its_database_again(
    double: Double, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    broken = (500, b'{"exception_message":"Internal Server Error"}')
    double.answers |= {
        "GET /api/flow_runs/r": [(200, _run("RUNNING")), broken, (200, _run("RUNNING")), (200, _run("COMPLETED"))],
        "POST /api/task_runs/filter": [(200, []), broken, (200, [])],
    }
    # when
    assert Prefect(double.address, "a:b").follow("r")["state_type"] == "COMPLETED"
    # then
    printed = capsys.readouterr().out
    assert printed.count("Prefect answered 500") == 1
    assert "the run goes on, and is followed when Prefect is back" in printed


def test_a_crashed_run_is_followed_on_in_the_one_that_tries_it_again(
    double: Double, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    crashed = {**_run("CRASHED", "The process of this run is gone"), "id": "r", "tags": ["repeatable"]}
    double.answers |= {
        "GET /api/flow_runs/r": (200, crashed),
        "POST /api/flow_runs/filter": (200, [{"id": "r2"}]),
        "GET /api/flow_runs/r2": (200, {**_run("COMPLETED"), "id": "r2", "tags": []}),
        "POST /api/task_runs/filter": (200, []),
    }
    # when / then
    assert Prefect(double.address, "a:b").follow("r")["id"] == "r2"
    assert "The process of this run is gone: it is tried again" in capsys.readouterr().out


def test_a_run_that_crashed_for_good_gives_the_cause(double: Double) -> None:
    # given
    last = {**_run("CRASHED", "The process of this run is gone"), "id": "r", "tags": ["repeatable", "attempt-3"]}
    double.answers |= {"GET /api/flow_runs/r": (200, last), "POST /api/task_runs/filter": (200, [])}
    # when / then
    with pytest.raises(OperatorError, match="did not finish: The process of this run is gone"):
        Prefect(double.address, "a:b").follow("r")


def test_a_failed_run_gives_the_flows_own_message(double: Double) -> None:
    prefect = Prefect(double.address, "a:b")
    double.answers |= {
        "GET /api/flow_runs/r": (
            200,
            _run("FAILED", "Flow run encountered an exception: SourceError: there is no file"),
        ),
        "POST /api/task_runs/filter": (200, []),
        "POST /api/artifacts/filter": (200, []),
    }
    with pytest.raises(OperatorError, match="did not finish: SourceError: there is no file"):
        prefect.follow("r")
    with pytest.raises(OperatorError, match="completed without a result"):
        prefect.result("r")
    double.answers["GET /api/flow_runs/r"] = (200, _run("PENDING"))
    with pytest.raises(OperatorError, match="has not ended within 0 s"):
        prefect.follow("r", seconds=0.1)
    with pytest.raises(OperatorError, match="Prefect knows nothing at"):
        prefect.deployment("no/such")
    double.answers["GET /api/x"] = (500, b"broken")
    with pytest.raises(OperatorError, match="Prefect answered 500: broken"):
        prefect.call("GET", "/x")
    with pytest.raises(OperatorError, match="Prefect does not answer"):
        Prefect("http://127.0.0.1:9", "a:b").call("GET", "/x")


def test_many_deals_are_sent_in_parts(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "MOST_DEALS", 2)
    deals = pd.DataFrame({"engage_date": ["2017-01-01", "2017-01-02", "2017-01-03"]})
    double.answers["POST /v1/predictions/batch"] = (200, {"predictions": [{"probability": 0.5}]})
    answers = predict.score(Api(double.address, "key"), deals, {"horizon": "30"})
    assert len(answers) == 2
    assert [content for _, content in double.asked] == [
        b"engage_date\n2017-01-01\n2017-01-02\n",
        b"engage_date\n2017-01-03\n",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "are required: <file>"),
        (["deals.csv", "as=1"], "unrecognized arguments: as=1"),
        (["absent.csv"], "there is no file"),
    ],
)
def test_predict_refuses_what_it_cannot_read(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOSECAST_INVOCATION_DIR", str(tmp_path))
    with pytest.raises(OperatorError, match=words):
        predict.predict(arguments)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"engage_date,product\n", "a header and no deals"),
        (b"a,b\n1,2\n", "needs a mapping, because it does not say"),
        (b"%PDF-1.7", "is a PDF document"),
    ],
)
def test_a_file_without_deals_is_told(content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_bytes(content)
    with pytest.raises(OperatorError, match=words):
        predict.predict([str(file)])


PREDICTION = {
    "deal": {
        "opportunity_id": "A1",
        "sales_agent": "Ada Berg",
        "product": "GTX Pro",
        "account": None,
        "engage_date": "2017-12-01",
    },
    "answer": {
        "probability": 0.417,
        "by": "2018-03-31",
        "as_of": "2017-12-31",
        "model": {"name": "closecast", "version": "4"},
    },
}


def test_a_prediction_is_said_in_words_and_as_a_request() -> None:
    assert summary.describe_prediction(PREDICTION) == (
        "deal A1 (Ada Berg, GTX Pro) has a chance of 42% to be won by 31 March 2018, as of 2017-12-31 (model closecast version 4)"
    )
    assert '"engage_date": "2017-12-01"' in predict.as_curl("http://127.0.0.1:8000", PREDICTION)
