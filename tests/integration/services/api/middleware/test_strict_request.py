"""One strict reading of batches, and on the fast path."""

import io
import json
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from litestar.testing import TestClient

from tests.unit.services.api.middleware.test_strict_request import DEEP, DOUBTFUL, PROBLEM, REQUEST

Client = TestClient[Any]
JSON = "application/json"


_BATCH = REQUEST.replace('"deal": {', '"deals": [{', 1).replace("},", "}],", 1).encode()


def _send(client: Any, path: str, body: bytes, **headers: str) -> Any:
    return client.post(
        path, content=body, headers={"Content-Type": JSON, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


@pytest.mark.parametrize("old_new", [("30}", '"30"}'), ('"2017-12-01"', '"null"'), ("30}", '30, "horizon": 30}')])
def test_the_fast_path_refuses_the_same(served: httpx.Client, old_new: tuple[str, str]) -> None:
    assert _send(served, "/v1/predictions", REQUEST.encode()).status_code == 200
    assert _send(served, "/v1/predictions", REQUEST.replace(*old_new).encode()).status_code == 400
    assert _send(served, "/v1/predictions", REQUEST.encode(), Content_Encoding="gzip").status_code == 415


@pytest.mark.parametrize(("old", "new"), DOUBTFUL)
def test_what_is_doubtful_is_refused_in_a_batch_too(client: Client, old: str, new: str) -> None:
    # given
    path = "/v1/predictions/batch"
    assert _send(client, path, _BATCH).status_code == 200
    # when
    answer = _send(client, path, _BATCH.replace(old.encode(), new.encode(), 1))
    # then
    if answer.status_code == 200:  # one row's fault, told in its place
        assert "error" in answer.json()["predictions"][0]
    else:
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["content-type"].startswith(PROBLEM)


@pytest.mark.parametrize("body", DEEP)
def test_depth_is_refused_in_a_batch_too(client: Client, body: str) -> None:
    answer = _send(client, "/v1/predictions/batch", body.encode())
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"].startswith(PROBLEM)


def test_a_batch_in_json_is_asked_one_question(client: Client) -> None:
    assert _send(client, "/v1/predictions/batch?horizon=30", _BATCH).status_code == 200
    for query in ("horizon=60", "as_of=2017-12-02"):
        assert _send(client, f"/v1/predictions/batch?{query}", _BATCH).status_code == 422


def _parquet(table: pa.Table, **options: Any) -> bytes:
    target = io.BytesIO()
    pq.write_table(table, target, **options)
    return target.getvalue()


DATES = {"engage_date": ["2017-11-20"], "zzzz": ["x"]}


@pytest.mark.parametrize(
    "content",
    [
        _parquet(pa.table({"engage_date": pa.array([1], pa.timestamp("us", tz="Mars/Base"))})),
        _parquet(pa.table(DATES)).replace(b"zzzz", b"z\xff\xfez"),
        _parquet(pa.table(DATES))[:-9],
    ],
)
def test_parquet_that_cannot_be_read_is_the_batchs_own_fault(client: Client, content: bytes) -> None:
    answer = client.post(
        "/v1/predictions/batch", content=content, headers={"Content-Type": "application/vnd.apache.parquet"}
    )
    assert answer.status_code == 422
    assert "cannot be read as Parquet" in answer.json()["detail"]


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"])
def test_every_encoding_of_texts_is_read(client: Client, encoding: str) -> None:
    content = _parquet(
        pa.table({"engage_date": ["2017-11-20"] * 3, "account": ["a", None, "b"]}),
        use_dictionary=False,
        column_encoding={"engage_date": encoding, "account": encoding},
    )
    answer = client.post(
        "/v1/predictions/batch", content=content, headers={"Content-Type": "application/vnd.apache.parquet"}
    )
    assert [one.get("account") for one in answer.json()["predictions"]] == ["a", None, "b"]


def test_names_run_nothing_in_a_spreadsheet_and_are_unchanged_for_machines(client: Client) -> None:
    # given
    names = ["=1+1", "+1", "-1", "@x", "\t=1", "  =1", '"=1', "a;=1+1", "\ufeff=1", "Oak Foods", "a-b"]
    body = json.dumps({"deals": [{"engage_date": "2017-11-20", "account": name} for name in names]}).encode()
    # when
    machine = _send(client, "/v1/predictions/batch", body).json()
    people = _send(client, "/v1/predictions/batch", body, Accept="text/csv").text
    # then
    assert [one["account"] for one in machine["predictions"]] == [name.strip() for name in names]
    for name in names[:-2]:
        cell = name.strip().replace('"', '""').replace(";", ";'")
        assert (f'"{cell}"' if ";" in name else f'"\'{cell}"') in people
    assert '"Oak Foods"' in people
    assert '"a-b"' in people
