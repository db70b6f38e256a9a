"""Batches: the same answers and refusals as single requests in every format, bounded."""

import io
from datetime import date, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from litestar.testing import TestClient

from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.models.deal_model import DealModel
from services.api.batch import read_parquet
from services.api.batch.write import CSV, JSON, PARQUET
from services.api.problems import InvalidInputError
from tests.unit.services.api.batch_rows import CORPUS, OF_JSON, as_json

Client = TestClient[Any]
QUERY = "?as_of=2017-12-31&horizon=60"


def _post(client: Client, content: bytes, kind: str, accept: str = JSON, query: str = QUERY) -> Any:
    headers = {"Content-Type": kind, "Accept": accept}
    return client.post(f"/v1/predictions/batch{query}", content=content, headers=headers)


def _csv(rows: list[dict[str, Any]]) -> bytes:
    return pd.DataFrame(rows, columns=list(RAW_COLUMNS)).to_csv(index=False).encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in RAW_COLUMNS}
    return _written(pa.table(columns))


def _written(table: pa.Table, **options: Any) -> bytes:
    target = io.BytesIO()
    pq.write_table(table, target, **options)
    return target.getvalue()


def _single(client: Client, deal: dict[str, Any]) -> Any:
    return client.post("/v1/predictions", json={"deal": deal, "as_of": "2017-12-31", "horizon": 60})


def _same(client: Client, rows: list[dict[str, Any]], answers: list[dict[str, Any]]) -> None:
    assert [one["row"] for one in answers] == list(range(len(rows)))
    for row, answer in zip(rows, answers, strict=True):
        single = _single(client, row)
        if single.status_code == 200:
            assert answer["probability"] == single.json()["probability"]
            assert answer.get("unseen", []) == single.json()["unseen"]
        elif single.status_code == 422:
            assert "probability" not in answer
            expected = {key: single.json()[key] for key in ("title", "status", "detail", "errors")}
            assert {key: answer["error"][key] for key in expected} == expected
        else:  # of the wrong type: the whole request of a single deal, one row of a batch
            assert single.status_code == 400
            assert answer["error"]["status"] == 422
            assert answer["error"]["errors"][0]["field"].startswith("deal")


@pytest.mark.parametrize("rows", [CORPUS, [*CORPUS, *OF_JSON], CORPUS[:5], CORPUS[5:6]])
def test_rows_of_json_are_answered_as_single_deals_are(client: Client, rows: list[dict[str, Any]]) -> None:
    answer = _post(client, as_json(rows), JSON, query="").json()
    _same(client, rows, answer["predictions"])
    assert (answer["as_of"], answer["horizon_days"]) == ("2017-12-31", 60)


@pytest.mark.parametrize(("write", "kind"), [(_csv, CSV), (_parquet, PARQUET)])
def test_rows_of_csv_and_parquet_are_answered_as_single_deals_are(client: Client, write: Any, kind: str) -> None:
    answer = _post(client, write(CORPUS), kind).json()
    # A CSV knows no missing value, only an empty one; a single deal may say either.
    _same(client, CORPUS, answer["predictions"])


@pytest.mark.parametrize("accept", [CSV, PARQUET])
def test_the_answer_comes_in_the_format_asked_for(client: Client, accept: str) -> None:
    # given
    expected = _post(client, as_json(CORPUS), JSON).json()
    # when
    answer = _post(client, as_json(CORPUS), JSON, accept)
    # then
    assert answer.headers["content-type"].startswith(accept)
    if accept == CSV:
        table = pd.read_csv(io.BytesIO(answer.content), float_precision="round_trip")
    else:
        table = pq.read_table(io.BytesIO(answer.content)).to_pandas()
    assert table["row"].tolist() == list(range(len(CORPUS)))
    for one, (_, row) in zip(expected["predictions"], table.iterrows(), strict=True):
        if "error" in one:
            assert row["problem"] == one["error"]["detail"]
            assert pd.isna(row["probability"])
        else:
            assert row["probability"] == one["probability"]
            assert pd.isna(row["problem"])
            assert str(row["engage_date"])[:10] == one["engage_date"]
            assert ("" if pd.isna(row["unseen"]) else row["unseen"]) == ";".join(one.get("unseen", []))
    assert set(table["model_version"].astype(str)) == {"7"}
    assert set(table["model_run_id"].astype(str)) == {"run-7"}


def test_parquet_holds_dates_numbers_and_dictionaries_too(client: Client, served_model: DealModel) -> None:
    # given the same deals, typed in several ways
    known = served_model.deals
    deals = known[known["engage_date"].notna() & (known["deal_stage"] == "Engaging")].head(50)
    text = [
        {
            "opportunity_id": one["opportunity_id"],
            "sales_agent": one["sales_agent"],
            "product": one["product"],
            "account": None if pd.isna(one["account"]) else one["account"],
            "engage_date": str(one["engage_date"].date()),
        }
        for one in deals.to_dict("records")
    ]
    expected = _post(client, _parquet(text), PARQUET).json()["predictions"]
    plain = pq.read_table(io.BytesIO(_parquet(text)))
    dates = [date.fromisoformat(row["engage_date"]) for row in text]
    for typed in (
        pa.array(dates, pa.date32()),
        pa.array(dates, pa.date64()),
        pa.array([datetime(day.year, day.month, day.day, 23) for day in dates], pa.timestamp("us")),
        pa.array([str(day) for day in dates]).dictionary_encode(),
    ):
        table = plain.set_column(plain.column_names.index("engage_date"), "engage_date", typed)
        for name, kind in (("close_value", pa.float64()), ("close_date", pa.date32()), ("deal_stage", pa.null())):
            table = table.set_column(table.column_names.index(name), name, pa.nulls(len(dates), kind))
        table = table.append_column("colour", pa.array(range(len(dates))))
        # when
        answer = _post(client, _written(table, row_group_size=7), PARQUET).json()
        # then
        assert answer["predictions"] == expected
    assert all("probability" in one for one in expected)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"opportunity_id,product", "cannot be read as Parquet"),
        (b"PAR1" + b"\0" * 40 + b"PAR1", "cannot be read as Parquet"),
        (_parquet(CORPUS)[:-30], "cannot be read as Parquet"),
        (_written(pa.table({"product": ["GTX"]})), "no column engage_date"),
        (_written(pa.table({"engage_date": pa.array([], pa.string())})), "no rows"),
        (_written(pa.table({"engage_date": ["2017-12-01"] * 10_001})), "10001 rows"),
        (_written(pa.table({"engage_date": [1, 2]})), "holds int64"),
        (_written(pa.table({"engage_date": ["2017-12-01"], "product": [["GTX"]]})), "holds list"),
        (_written(pa.table({"engage_date": ["2017-12-01"], "account": [b"\xff"]})), "holds binary"),
        (_written(pa.table([["2017-12-01"], ["a"], ["b"]], ["engage_date", "account", "account"])), "more than once"),
        (_written(pa.table({"engage_date": ["2017-12-01"] * 1_100}), row_group_size=1), "too many row groups"),
        (
            _written(pa.table({"engage_date": ["2017-12-01"] * 100, "opportunity_id": ["x" * 1_000_000] * 100})),
            "send it in parts",
        ),
        (
            _written(
                pa.table({"engage_date": [f"2017-12-01{at:04}" + "0" * 40_000 for at in range(1_000)]}),
                compression="zstd",
            ),
            "send it in parts",
        ),
    ],
)
def test_a_parquet_file_that_is_unbearable_is_refused_as_a_whole(client: Client, content: bytes, words: str) -> None:
    answer = _post(client, content, PARQUET)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_a_text_that_is_not_utf8_is_refused(client: Client) -> None:
    # given bytes that a file calls text
    good = _written(pa.table({"engage_date": ["2017-12-01"], "account": ["abcdefgh"]}), compression="none")
    # when
    answer = _post(client, good.replace(b"abcdefgh", b"abc\xff\xfefgh"), PARQUET)
    # then
    assert answer.status_code == 422


def test_lengths_that_a_csv_leaves_open_are_missing_values(client: Client) -> None:
    content = b"opportunity_id,engage_date,account\nA1,2017-12-01\n\nA2,2017-12-01,Oak Foods,more\n"
    answers = _post(client, content, CSV).json()["predictions"]
    assert [(one["opportunity_id"], one.get("account")) for one in answers] == [("A1", None), ("A2", "Oak Foods")]
    assert all("probability" in one for one in answers)


def test_an_as_of_or_horizon_out_of_range_is_refused(client: Client) -> None:
    for query, field in (("?as_of=1066-10-14", "as_of"), ("?horizon=0", "horizon"), ("?horizon=soon", "horizon")):
        answer = _post(client, _csv(CORPUS), CSV, query=query)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_rows_beyond_what_the_metadata_says_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a reader that believes the file has few rows
    content = _written(pa.table({"engage_date": ["2017-12-01"] * 20}))
    monkeypatch.setattr(read_parquet, "require_bearable", lambda *_: None)
    monkeypatch.setattr(read_parquet, "MOST_DEALS", 10)
    # when / then
    with pytest.raises(InvalidInputError, match="20 rows"):
        read_parquet.read_parquet(content)


@pytest.mark.parametrize("deal", [b'{"account":"\xff"}', b'{"engage_date":"2017-12-01","a\xffb":1}'])
def test_json_that_is_not_utf8_is_refused(client: Client, deal: bytes) -> None:
    for path, body, status in (("/batch", b'{"deals":[%b]}' % deal, 422), ("", b'{"deal":%b}' % deal, 400)):
        answer = client.post(f"/v1/predictions{path}", content=body, headers={"Content-Type": JSON})
        assert answer.status_code == status, answer.text
        assert f"not UTF-8 text (byte {body.index(0xFF)})" in answer.json()["detail"]


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
