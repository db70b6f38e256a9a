"""A batch that claims to be far larger than it is."""

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from litestar.testing import TestClient

from services.api.batch.write import CSV, JSON, PARQUET

Client = TestClient[Any]
QUERY = "?as_of=2017-12-31&horizon=60"


def _post(client: Client, content: bytes, kind: str, accept: str = JSON, query: str = QUERY) -> Any:
    headers = {"Content-Type": kind, "Accept": accept}
    return client.post(f"/v1/predictions/batch{query}", content=content, headers=headers)


def _written(table: pa.Table, **options: Any) -> bytes:
    target = io.BytesIO()
    pq.write_table(table, target, **options)
    return target.getvalue()


def _claiming(rows: int) -> bytes:
    """One long text in every row: a few kilobytes that would unpack to gigabytes."""
    return _written(pa.table({"engage_date": ["2017-12-01"] * rows, "account": ["x" * 1_000_000] * rows}))


def test_one_long_text_in_every_row_is_unpacked_once_and_refused_row_by_row(client: Client) -> None:
    # given
    content = _claiming(5_000)
    assert len(content) < 200_000
    # when
    answers = _post(client, content, PARQUET).json()["predictions"]
    table = pd.read_csv(io.BytesIO(_post(client, content, PARQUET, CSV).content))
    # then
    assert table["problem"].str.contains("<= 500").all()
    assert table["account"].isna().all()
    assert len(answers) == 5_000
    assert {one["error"]["errors"][0]["field"] for one in answers} == {"deal.account"}
    assert all(len(one["error"]["errors"][0]["value"]) < 200 for one in answers)
