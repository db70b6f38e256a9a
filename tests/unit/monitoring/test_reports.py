"""Evidently's reports: its page beside its results, for good and for bad input."""

import importlib
import json
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from closecast.monitoring.reports import EvidentlyReport


@pytest.fixture(scope="module")
def reports() -> ModuleType:
    """The module, imported by the process that runs these tests: Evidently takes seconds to import."""
    return importlib.import_module("closecast.monitoring.reports")


def _frame(count: int, shift: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(count)
    return pd.DataFrame(
        {
            "amount": random.normal(size=count) + shift,
            "product": random.choice(["GTX", "MG"], count),
        }
    )


def _drifted(report: "EvidentlyReport") -> dict[str, float]:
    metrics: list[dict[str, Any]] = json.loads(report.results)["metrics"]
    return {one["config"]["column"]: one["value"] for one in metrics if "ValueDrift" in one["metric_name"]}


def test_data_drift_is_reported_by_column_on_a_page_of_its_own(reports: ModuleType) -> None:
    report = reports.data_drift(_frame(2_000), _frame(2_001, shift=1.0))
    found = _drifted(report)
    assert found["amount"] > 0.5
    assert found["product"] < 0.1
    assert report.html.lstrip().lower().startswith(("<!doctype", "<html"))
    assert '<script src="http' not in report.html


def test_prediction_drift_is_reported(reports: ModuleType) -> None:
    random = np.random.default_rng(1)
    assert _drifted(reports.prediction_drift(random.random(2_000), random.random(2_000) / 2))["score"] > 0.1


def test_data_quality_counts_missing_values(reports: ModuleType) -> None:
    window = _frame(1_500)
    window.loc[:299, "amount"] = np.inf
    report = reports.data_quality(_frame(1_500), window)
    missing = next(
        one["value"]
        for one in json.loads(report.results)["metrics"]
        if "MissingValueCount" in one["metric_name"] and one["config"].get("column") == "amount"
    )
    assert missing["count"] == 300


def test_classification_quality_knows_the_log_loss(reports: ModuleType) -> None:
    won = np.array([0, 1] * 500, dtype=np.int8)
    report = reports.classification_quality(won, np.where(won == 1, 0.8, 0.2))
    values = {one["metric_name"].partition("(")[0]: one["value"] for one in json.loads(report.results)["metrics"]}
    assert values["LogLoss"] == pytest.approx(-np.log(0.8))


def test_outcomes_of_one_kind_have_no_quality(reports: ModuleType) -> None:
    with pytest.raises(reports.NoReportError, match="not both outcomes"):
        reports.classification_quality(np.zeros(10, dtype=np.int8), np.full(10, 0.5))


@pytest.mark.parametrize(
    ("reference", "window", "words"),
    [
        (_frame(10), _frame(10).drop(columns="amount"), "differ in columns: amount"),
        (_frame(10), _frame(0), "no column has values"),
        (_frame(10)[["amount"]], pd.DataFrame({"amount": [np.nan, np.inf]}), "no column has values"),
    ],
)
def test_what_cannot_be_compared_is_told(
    reports: ModuleType, reference: pd.DataFrame, window: pd.DataFrame, words: str
) -> None:
    with pytest.raises(reports.NoReportError, match=words):
        reports.data_drift(reference, window)


def test_a_column_without_values_is_left_out(reports: ModuleType) -> None:
    report = reports.data_drift(_frame(50), _frame(60).assign(amount=np.nan))
    assert set(_drifted(report)) == {"product"}


def test_only_reference_rows_of_the_same_phase_are_chosen(reports: ModuleType) -> None:
    days = np.array(["2017-01-02", "2017-03-30", "2017-06-29", "2017-12-30"], dtype="M8[D]")
    chosen = reports.same_phase(days, np.array(["2018-03-29"], dtype="M8[D]"))
    assert chosen.tolist() == [False, True, True, True]
