"""Deals in the columns of the user's own CRM, through every route that scores."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from litestar.testing import TestClient

from closecast.models.deal_model import DealModel
from services.api.app import create_app
from tests.unit.services.api.conftest import KEY, keep, settings

MAPPING = """
version: 1
columns: {stage: Phase, created: Erstellt, closed: Ende, opportunity_id: Nr, sales_agent: Inhaber, product: Ware, account: Firma}
stages: {Angebot: open, Gewonnen: won}
dates: dmy
"""
OWN = {
    "Nr": "D1",
    "Phase": "Angebot",
    "Erstellt": "3/11/2017",
    "Ende": "1/3/2018",
    "Inhaber": "Ada",
    "Ware": "GTX Pro",
    "Firma": "Conecom",
}
DEAL = {
    "opportunity_id": "D1",
    "sales_agent": "Ada",
    "product": "GTX Pro",
    "account": "Conecom",
    "deal_stage": "Engaging",
    "engage_date": "2017-11-03",
}
HEAD = "Nr;Phase;Erstellt;Ende;Inhaber;Ware;Firma\n"
ROWS = "D1;Angebot;3/11/2017;;Ada;GTX Pro;Conecom\nD2;Gewonnen;5/11/2017;6/11/2017;Ada;GTX Pro;Müller\n"


@pytest.fixture(scope="module")
def german(served_model: DealModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Any]]:
    """A caller of a service whose model learnt from an export in German."""
    folder: Path = tmp_path_factory.mktemp("german")
    keep(replace(served_model, card=replace(served_model.card, mapping=MAPPING)), folder)
    with TestClient(create_app(settings(folder)), raise_server_exceptions=False) as client:
        client.headers["X-API-Key"] = KEY
        yield client


@pytest.mark.parametrize("route", ["/v1/predictions", "/v1/explanations"])
def test_a_deal_gets_the_same_answer_in_either_columns(german: TestClient[Any], route: str) -> None:
    answers = [german.post(route, json={"deal": deal, "horizon": 30}) for deal in (DEAL, OWN)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["probability"] == answers[1].json()["probability"]


def test_a_value_that_cannot_be_read_is_named_in_the_callers_words(german: TestClient[Any]) -> None:
    answer = german.post("/v1/predictions", json={"deal": {**OWN, "Erstellt": "31/31/2017"}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "deal.Erstellt"
    answer = german.post("/v1/predictions", json={"deal": {**OWN, "Phase": "Gewonnen"}})
    assert "the deal is closed (Won)" in answer.json()["detail"]
    answer = german.post("/v1/predictions", content=b'{"deal": {"Nr": "a", "Nr": "b", "Erstellt": "3/11/2017"}}')
    assert "the name 'Nr' comes twice" in answer.json()["detail"]


def test_the_stage_history_stays_beside_the_crms_columns(german: TestClient[Any]) -> None:
    answer = german.post("/v1/predictions", json={"deal": {**OWN, "stage_history": [{"changed": "2017-11-04"}]}})
    assert answer.json()["errors"][0]["field"] == "deal.stage_history[0]"
    sent = [{"changed": "2017-11-04", "stage": "Angebot"}]
    answers = [german.post("/v1/predictions", json={"deal": {**deal, "stage_history": sent}}) for deal in (DEAL, OWN)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["probability"] == answers[1].json()["probability"]


def test_without_a_mapping_other_columns_are_refused(client: TestClient[Any]) -> None:
    answer = client.post("/v1/predictions", json={"deal": OWN})
    assert answer.status_code == 400
    assert "unknown field `Nr`" in answer.json()["detail"]


def test_a_batch_in_json_may_mix_both(german: TestClient[Any]) -> None:
    deals = [DEAL, OWN, {**OWN, "Erstellt": "soon"}]
    answer = german.post("/v1/predictions/batch", json={"deals": deals, "horizon": 30}).json()["predictions"]
    assert answer[0]["probability"] == answer[1]["probability"]
    assert answer[1]["opportunity_id"] == answer[2]["opportunity_id"] == "D1"
    assert "'soon' is not a date" in answer[2]["error"]["detail"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_a_batch_may_be_the_export_as_it_is(german: TestClient[Any], encoding: str) -> None:
    one = german.post("/v1/predictions", json={"deal": DEAL, "horizon": 30}).json()
    answer = german.post(
        "/v1/predictions/batch",
        params={"horizon": "30"},
        content=(HEAD + ROWS).encode(encoding),
        headers={"Content-Type": "text/csv"},
    )
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["predictions"]
    assert first["probability"] == one["probability"]
    assert "the deal is closed (Won)" in second["error"]["detail"]


HUBSPOT = (
    "Deal ID,Deal Name,Deal Stage,Pipeline,Create Date,Close Date,Deal Owner,Amount\n"
    "1,A,Appointment scheduled,Sales Pipeline,2017-11-03 10:00,,Ada,10\n"
    "2,B,Closed Won,Sales Pipeline,2017-10-03 10:00,2017-10-05 10:00,Ada,10\n"
)


def test_an_export_of_a_known_crm_is_read_without_a_mapping_of_the_models(client: TestClient[Any]) -> None:
    for query in ({}, {"mapping": "hubspot"}):
        answer = client.post(
            "/v1/predictions/batch", params=query, content=HUBSPOT, headers={"Content-Type": "text/csv"}
        )
        assert answer.status_code == 200, answer.text
        assert [one["opportunity_id"] for one in answer.json()["predictions"]] == ["1", "2"]
        assert "probability" in answer.json()["predictions"][0]


PARQUET = {"Content-Type": "application/vnd.apache.parquet"}


def _parquet(columns: dict[str, Any]) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


def test_a_parquet_batch_may_be_the_export_too(german: TestClient[Any]) -> None:
    # given an export with numbers and times as such
    csv = german.post(
        "/v1/predictions/batch", content=(HEAD + ROWS).encode(), headers={"Content-Type": "text/csv"}
    ).json()["predictions"]
    columns = dict(
        zip(HEAD.strip().split(";"), zip(*(row.split(";") for row in ROWS.splitlines()), strict=True), strict=True)
    )
    typed = columns | {"Erstellt": [datetime(2017, 11, 3, 9), datetime(2017, 11, 5)], "Wert": [1.5, None]}
    # when
    for one in (columns, typed):
        answer = german.post("/v1/predictions/batch", content=_parquet(one), headers=PARQUET)
        # then
        assert answer.status_code == 200, answer.text
        assert answer.json()["predictions"] == csv


def test_a_parquet_export_of_a_known_crm_is_read_by_its_profile(client: TestClient[Any]) -> None:
    export = pd.read_csv(io.StringIO(HUBSPOT), dtype=str, keep_default_na=False)
    columns = {str(name): export[name].to_list() for name in export}
    for query in ({}, {"mapping": "hubspot"}):
        answer = client.post("/v1/predictions/batch", params=query, content=_parquet(columns), headers=PARQUET)
        assert answer.status_code == 200, answer.text
        assert [one["opportunity_id"] for one in answer.json()["predictions"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("query", "columns", "words"),
    [
        ({}, {"a": ["1"], "b": [2]}, "the file has no column engage_date, and is no export that the model learnt from"),
        ({"mapping": "hubspot"}, {"engage_date": ["2017-11-03"]}, "the export lacks the mapping's columns"),
        ({"mapping": "lotus"}, {"a": ["1"]}, "there is no mapping 'lotus'"),
        ({}, {"Deal Stage": [["nested"]]}, "the column Deal Stage of type list"),
        ({}, {"Deal Stage": ["x"] * 10_001}, "the file has 10001 rows"),
        ({}, {"Deal Stage": pa.array([], pa.string())}, "no rows"),
        ({}, {str(at): ["x"] for at in range(1_001)}, "1,001 columns"),
        ({}, {"Deal Stage": [f"{at:05}" + "x" * 40_000 for at in range(1_000)]}, "send it in parts"),
    ],
)
def test_a_parquet_file_that_cannot_be_read_is_told(
    client: TestClient[Any], query: dict[str, str], columns: dict[str, Any], words: str
) -> None:
    answer = client.post("/v1/predictions/batch", params=query, content=_parquet(columns), headers=PARQUET)
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]


def test_few_bytes_that_unpack_to_gigabytes_are_refused(client: TestClient[Any]) -> None:
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), ["x" * 1_000_000])
    answer = client.post("/v1/predictions/batch", content=_parquet({"Deal Stage": repeated}), headers=PARQUET)
    assert answer.status_code == 422, answer.text
    assert "10000000000 bytes in the columns that are read: send it in parts" in answer.json()["detail"]
    answer = client.post("/v1/predictions/batch", content=_parquet({"engage_date": ["2017-11-03"]}), headers=PARQUET)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("query", "content", "words"),
    [
        ({"mapping": "lotus"}, HUBSPOT, "there is no mapping 'lotus'"),
        ({"mapping": "../x"}, HUBSPOT, "the query parameter mapping is '../x'"),
        ({"mapping": "hubspot"}, HEAD + ROWS, "the export lacks the mapping's columns"),
        ({}, "a,b\n1,2\n", "is no export that the model learnt from"),
        ({}, "\x89PNG\r\n\x1a\n", "the CSV"),
        ({}, "a;b\r" * 100_001, "the CSV has 100,001 lines: send it in parts"),
        ({"mapping": "hubspot"}, HUBSPOT.split("\n")[0] + "\n", "no deals"),
        (
            {},
            HUBSPOT + "".join(f"{at},C,Closed Won,S,2017-10-03,2017-10-05,Ada,1\n" for at in range(3, 10_009)),
            "in parts",
        ),
    ],
    ids=[
        "no mapping",
        "a path",
        "other columns",
        "no export",
        "no text",
        "too many lines",
        "no deals",
        "too many deals",
    ],
)
def test_what_cannot_be_read_is_told(client: TestClient[Any], query: dict[str, str], content: str, words: str) -> None:
    answer = client.post(
        "/v1/predictions/batch", params=query, content=content.encode("latin-1"), headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code in (400, 422), answer.text
    assert words in answer.json()["detail"]
