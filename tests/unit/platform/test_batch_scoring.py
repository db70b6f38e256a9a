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
from closecast.platform import batch_scoring
from closecast.platform.batch_scoring import IS_CLOSED, NO_DATE, PROBLEMS, BatchError, score_parquet
from closecast.platform.lake import parquet_bytes

AS_OF = date(2017, 11, 1)


@pytest.fixture
def deals(served_model: DealModel) -> pd.DataFrame:
    known = served_model.deals
    return known[known["engage_date"].notna()].head(700).assign(deal_stage="Engaging").reset_index(drop=True)


def scored(model: DealModel, content: bytes, horizon: Any = 30) -> pd.DataFrame:
    target = io.BytesIO()
    found = score_parquet(model, "7", io.BytesIO(content), target, AS_OF, horizon, run_id="run-7")
    made = pq.read_table(io.BytesIO(target.getvalue())).to_pandas()
    assert found.rows == len(made)
    assert found.refused == int(made["probability"].isna().sum())
    return made


def test_each_row_has_the_models_answer_in_the_order_of_the_input(
    served_model: DealModel, deals: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given chunks smaller than the input
    monkeypatch.setattr(batch_scoring, "CHUNK_ROWS", 128)
    known = deals["engage_date"] <= pd.Timestamp(AS_OF)
    builder = served_model.builder
    subjects = builder.history.subjects(deals[known])
    count = int(known.sum())
    expected = served_model.scorer.predict(
        builder.matrix(subjects, np.arange(count), np.full(count, np.datetime64(AS_OF)), np.full(count, 30))
    )
    # when
    made = scored(served_model, parquet_bytes(deals))
    # then
    assert made["opportunity_id"].tolist() == deals["opportunity_id"].tolist()
    assert made["probability"][known].to_numpy().tobytes() == expected.tobytes()
    assert set(made["problem"][~known]) == {"engaged after the as-of date"}
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
    assert made["problem"][1:].tolist() == [PROBLEMS[NO_DATE], PROBLEMS[NO_DATE], PROBLEMS[IS_CLOSED]]
    assert set(made["horizon_days"]) == {60}


def test_the_same_input_gives_the_same_bytes(served_model: DealModel, deals: pd.DataFrame) -> None:
    targets = [io.BytesIO(), io.BytesIO()]
    for target in targets:
        score_parquet(served_model, "7", io.BytesIO(parquet_bytes(deals)), target, AS_OF, 30)
    assert targets[0].getvalue() == targets[1].getvalue()


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
