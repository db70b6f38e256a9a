"""A small synthetic export, and the candidate it gives, made once for all tests of this room."""

from dataclasses import asdict

import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.synthetic.generator import generate
from closecast.features import NAMES
from closecast.models import candidate
from closecast.models.card import ModelCard


@pytest.fixture(scope="session")
def deals() -> pd.DataFrame:
    return check(generate(2_500, seed=11)).accepted


@pytest.fixture(scope="session")
def built(deals: pd.DataFrame) -> candidate.Candidate:
    return candidate.build(deals, seed=7, threads=1)


@pytest.fixture(scope="session")
def real(real_raw: pd.DataFrame) -> candidate.Candidate:
    """The candidate of the real file, on the protocol of the published reference."""
    return candidate.build(check(real_raw).accepted, seed=7, threads=2)


@pytest.fixture
def card(built: candidate.Candidate) -> ModelCard:
    return ModelCard(
        trained_at="2018-01-01T00:00:00+00:00",
        source="synthetic",
        source_sha256="0" * 64,
        data_as_of="2017-12-31",
        deals_key="silver/0.parquet",
        feature_names=NAMES,
        horizons=(30, "quarter_end"),
        cut="2017-07-01",
        metrics={"log_loss_30_days": 0.3},
        reference_metrics={"base_rate_log_loss_30_days": 0.4},
        rows={"accepted": 10, "rejected": 1, "fit": 5, "refit": 9},
        hyperparameters=built.settings.as_dict(),
        rounds=built.schedule.rounds,
        calibration=asdict(built.scorer.calibration),
        seed=7,
    )
