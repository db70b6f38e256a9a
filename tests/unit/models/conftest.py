"""The made-up export, the candidate it gives, and a card of it."""

from dataclasses import asdict

import pandas as pd
import pytest

from closecast.features import NAMES
from closecast.models import candidate
from closecast.models.card import ModelCard


@pytest.fixture(scope="session")
def deals(made_up_deals: pd.DataFrame) -> pd.DataFrame:
    return made_up_deals


@pytest.fixture(scope="session")
def built(made_up_candidate: candidate.Candidate) -> candidate.Candidate:
    return made_up_candidate


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
