"""Fiscal years: every way of asking a model means the quarters that it learnt, and says which."""

import csv
import io
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from litestar.testing import TestClient

from closecast.deals.horizon import QUARTER_END, quarter_ahead
from closecast.models.data import Data
from closecast.models.deal_model import DealModel
from closecast.platform.batch.scoring import score_parquet
from closecast.scoring.pyfunc import _load_pyfunc
from services.api.app import create_app
from tests.unit.services.api import conftest

AS_OF = date(2017, 8, 20)
NAMES = ("opportunity_id", "sales_agent", "product", "account")


def _beginning_with(month: int, model: DealModel) -> DealModel:
    return DealModel(model.scorer, replace(model.card, fiscal_year_start=month), model.deals)


def _raw(model: DealModel) -> list[dict[str, Any]]:
    deals = model.deals[model.deals["engage_date"] <= pd.Timestamp(AS_OF)].head(12)
    return [
        {
            **{name: None if pd.isna(row[name]) else str(row[name]) for name in NAMES},
            "engage_date": str(row["engage_date"].date()),
        }
        for _, row in deals.iterrows()
    ]


@pytest.mark.parametrize(
    "month", [pytest.param(month, marks=[] if month in (1, 2, 9) else [pytest.mark.slow]) for month in range(1, 13)]
)
def test_training_single_batch_ranking_score_job_and_mlflow_agree(
    month: int, served_model: DealModel, tmp_path: Path
) -> None:
    # given a model of a year that begins with this month
    model = _beginning_with(month, served_model)
    start, end = quarter_ahead(AS_OF, model.card.fiscal)
    deals, question = _raw(model), {"as_of": str(AS_OF), "horizon": "quarter_end"}
    conftest.keep(model, tmp_path)
    with TestClient(create_app(conftest.settings(tmp_path))) as client:
        client.headers["X-API-Key"] = conftest.KEY
        # when
        singles = [client.post("/v1/predictions", json={"deal": deal, **question}).json() for deal in deals]
        batch = client.post("/v1/predictions/batch", json={"deals": deals, **question})
        text = client.post("/v1/predictions/batch", json={"deals": deals, **question}, headers={"Accept": "text/csv"})
        told = client.post("/v1/explanations", json={"deal": deals[0], **question}).json()
        ranking = client.get("/v1/pipeline", params=question).json()
        card = client.get("/v1/model").json()
    pd.DataFrame(deals).to_parquet(tmp_path / "deals.parquet")
    score_parquet(model, "7", tmp_path / "deals.parquet", tmp_path / "out.parquet", AS_OF, QUARTER_END)
    job = pq.read_table(tmp_path / "out.parquet").to_pydict()
    function = _load_pyfunc(str(tmp_path / "closecast-7-run"))
    by_mlflow = function.predict(pd.DataFrame(deals).assign(as_of=str(AS_OF)))
    # then each answers the same, to the bit
    answers = [one["probability"] for one in singles]
    assert [one["probability"] for one in batch.json()["predictions"]] == answers
    assert [float(row["probability"]) for row in csv.DictReader(io.StringIO(text.text))] == answers
    assert job["probability"] == answers
    assert by_mlflow.tolist() == answers
    assert told["probability"] == answers[0] == singles[0]["probabilities"]["quarter_end"]
    # and what training would learn from has the same features
    data = Data(model.deals, fiscal=model.card.fiscal)
    subjects = data.builder.history.encode(
        pd.DataFrame(deals).assign(engage_date=pd.to_datetime([one["engage_date"] for one in deals]))
    )
    count = len(deals)
    matrix = data.builder.matrix(
        subjects, np.arange(count), np.full(count, np.datetime64(AS_OF)), np.full(count, (end - AS_OF).days)
    )
    assert model.scorer.predict(matrix).tolist() == answers
    # and says which quarter was meant
    quarter = {"start": str(start), "end": str(end)}
    assert all(one["quarter"] == quarter for one in (*singles, batch.json(), told, ranking))
    assert all(one["by"] == str(end) for one in (*singles, batch.json(), told, ranking))
    assert {row["quarter_start"] for row in csv.DictReader(io.StringIO(text.text))} == {str(start)}
    assert {row["quarter_end"] for row in csv.DictReader(io.StringIO(text.text))} == {str(end)}
    assert card["fiscal_year_start"] == month
