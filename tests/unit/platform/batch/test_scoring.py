"""Batch scoring: the same numbers as the API's way, in the order of the input, and reasons instead of guesses."""

import io
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closecast.models.deal_model import DealModel
from closecast.platform.batch import scoring
from closecast.platform.batch.scoring import BatchError, score_parquet
from closecast.platform.lake.store import parquet_bytes

AS_OF = date(2017, 11, 1)


@pytest.fixture
def deals(served_model: DealModel) -> pd.DataFrame:
    known = served_model.deals
    engaged = known[known["engage_date"].notna()].head(700).reset_index(drop=True)
    return engaged.assign(deal_stage="Engaging", close_date=pd.Timestamp("NaT"), close_value=np.nan)


def scored(model: DealModel, content: bytes, horizon: Any = 30) -> pd.DataFrame:
    target = io.BytesIO()
    found = score_parquet(model, "7", io.BytesIO(content), target, AS_OF, horizon, run_id="run-7")
    made: pd.DataFrame = pq.read_table(io.BytesIO(target.getvalue())).to_pandas()
    assert found.rows == len(made)
    assert found.refused == int(made["probability"].isna().sum())
    return made


def test_each_row_has_the_models_answer_in_the_order_of_the_input(
    served_model: DealModel, deals: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given chunks smaller than the input
    monkeypatch.setattr(scoring, "CHUNK_ROWS", 128)
    known = deals["engage_date"] <= pd.Timestamp(AS_OF)
    builder = served_model.builder
    subjects = builder.history.encode(deals[known])
    count = int(known.sum())
    expected = served_model.scorer.predict(
        builder.matrix(subjects, np.arange(count), np.full(count, np.datetime64(AS_OF)), np.full(count, 30))
    )
    # when
    made = scored(served_model, parquet_bytes(deals))
    # then
    assert made["opportunity_id"].tolist() == deals["opportunity_id"].tolist()
    assert made["probability"][known].to_numpy().tobytes() == expected.tobytes()
    assert made["problem"][~known].str.contains("after 2017-11-01: name a later as_of").all()
    assert set(made["model_version"]) == {"7"}
    assert set(made["model_run_id"]) == {"run-7"}
    assert set(made["horizon_days"]) == {30}


def test_text_columns_say_the_same_as_typed_ones(served_model: DealModel, deals: pd.DataFrame) -> None:
    # given the same deals as a CSV export would have them
    text = deals.astype(object).where(deals.notna(), "")
    text["engage_date"] = deals["engage_date"].dt.strftime("%m/%d/%Y")
    text["product"] = text["product"].replace("GTX Pro", "GTXPro")
    text["close_date"] = text["close_value"] = ""
    # when
    one, other = (scored(served_model, parquet_bytes(frame)) for frame in (deals, text))
    # then
    pd.testing.assert_frame_equal(one, other)


def test_what_cannot_be_scored_says_why(served_model: DealModel, deals: pd.DataFrame) -> None:
    # given
    deals = deals.head(4).copy()
    deals["engage_date"] = ["2017-10-01", "", "soon", "2017-10-01"]
    deals["deal_stage"] = ["Engaging", "Prospecting", "Engaging", "Won"]
    # when
    made = scored(served_model, parquet_bytes(deals), "quarter_end")
    # then
    assert made["probability"].notna().tolist() == [True, False, False, False]
    assert pd.isna(made["problem"][0])
    assert made["problem"][1:].tolist() == [
        "a deal that is still Prospecting has no engage date; it can be scored once an agent has engaged it",
        "engage_date 'soon' is not a date",
        "the deal is closed (Won): there is nothing left to predict",
    ]
    assert set(made["horizon_days"]) == {60}


def test_the_same_input_gives_the_same_values(served_model: DealModel, deals: pd.DataFrame) -> None:
    targets = [io.BytesIO(), io.BytesIO()]
    for target in targets:
        score_parquet(served_model, "7", io.BytesIO(parquet_bytes(deals)), target, AS_OF, 30)
    one, other = (pq.read_table(io.BytesIO(target.getvalue())) for target in targets)
    assert one.schema == other.schema
    assert one.to_pydict() == other.to_pydict()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"opportunity_id,product", "the input is not Parquet"),
        (parquet_bytes(pd.DataFrame({"product": ["GTX"]})), "the input lacks the column opportunity_id, sales_agent"),
    ],
)
def test_another_file_is_refused(served_model: DealModel, content: bytes, message: str) -> None:
    with pytest.raises(BatchError, match=message):
        score_parquet(served_model, "7", io.BytesIO(content), io.BytesIO(), AS_OF, 30)


def test_a_dictionary_column_is_read_too(served_model: DealModel, deals: pd.DataFrame) -> None:
    # given
    table = pa.Table.from_pandas(deals, preserve_index=False)
    for name in ("product", "account"):
        table = table.set_column(table.column_names.index(name), name, table.column(name).dictionary_encode())
    content = io.BytesIO()
    pq.write_table(table, content)
    # when / then
    pd.testing.assert_frame_equal(scored(served_model, content.getvalue()), scored(served_model, parquet_bytes(deals)))


@pytest.mark.parametrize("typed", [False, True])
def test_a_deal_that_must_not_be_scored_has_no_probability(
    served_model: DealModel, deals: pd.DataFrame, typed: bool
) -> None:
    # given one deal for each reason, and two that are open
    deals = deals.head(7).assign(engage_date="2017-10-01")
    deals["deal_stage"] = ["Engaging", "Lost", "Sleeping", " Won ", "Engaging", "Engaging", ""]
    days = [None, "2017-10-09", None, None, "2017-10-09", None, None]
    deals["close_date"] = pd.to_datetime(pd.Series(days)) if typed else [day or " " for day in days]
    deals["close_value"] = [np.nan] * 5 + [7.0, np.nan] if typed else [""] * 5 + ["7", " "]
    # when
    made = scored(served_model, parquet_bytes(deals))
    # then
    problems = [
        None,
        "the deal is closed (Lost): there is nothing left to predict",
        "the stage 'Sleeping' is not known",
        "the deal is closed (Won): there is nothing left to predict",
        "close_date is given although the deal is not closed",
        "close_value is given although the deal is not closed",
        None,
    ]
    assert [None if pd.isna(one) else one for one in made["problem"]] == problems
    assert made["probability"].isna().tolist() == [problem is not None for problem in problems]


def test_every_encoding_of_texts_gives_the_same(served_model: DealModel, deals: pd.DataFrame) -> None:
    # given
    names = ("opportunity_id", "sales_agent", "product", "account")
    table = pa.table({name: pa.array(deals[name].astype(object), pa.string(), from_pandas=True) for name in names})
    table = table.append_column("engage_date", pa.array(deals["engage_date"].dt.strftime("%Y-%m-%d")))
    made = []
    for encoding in ("PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"):
        content = io.BytesIO()
        encodings = dict.fromkeys(table.column_names, encoding)
        pq.write_table(table, content, use_dictionary=False, column_encoding=encodings)
        # when
        made.append(scored(served_model, content.getvalue()))
    # then
    pd.testing.assert_frame_equal(made[0], made[1])
    pd.testing.assert_frame_equal(made[0], made[2])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("account", pa.array([["a"]])),
        ("product", pa.array([{"name": "GTX"}])),
        ("close_value", pa.array([[("EUR", 1)]], pa.map_(pa.string(), pa.int32()))),
        ("deal_stage", pa.array([["Engaging"]], pa.list_(pa.string(), 1))),
        ("engage_date", pa.array([1], pa.duration("s"))),
        ("sales_agent", pa.array([b"1234567890123456"], pa.uuid())),
        # As in the API's own Parquet, and as JSON's 7 is no account.
        ("account", pa.array([7])),
        ("account", pa.array([7]).dictionary_encode()),
        ("opportunity_id", pa.array([7])),
        ("product", pa.array([b"GTX"])),
        ("close_value", pa.array([True])),
    ],
)
def test_a_column_of_another_kind_is_refused_by_its_name(served_model: DealModel, name: str, values: pa.Array) -> None:
    # given
    columns = {one: ["x"] for one in ("opportunity_id", "sales_agent", "product", "account")}
    table = pa.table({**columns, "engage_date": ["2017-10-01"], name: values})
    content = io.BytesIO()
    pq.write_table(table, content)
    # when / then
    with pytest.raises(BatchError, match=f"column {name} is of type"):
        scored(served_model, content.getvalue())


def test_a_name_that_is_not_utf8_is_refused(served_model: DealModel, deals: pd.DataFrame) -> None:
    content = parquet_bytes(deals.assign(zzzz="x")).replace(b"zzzz", b"z\xff\xfez")
    with pytest.raises(BatchError, match="the input is not Parquet"):
        scored(served_model, content)
