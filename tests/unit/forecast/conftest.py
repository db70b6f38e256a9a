"""The ledger of the made-up export, and the chances of its model."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from closecast.features import FeatureBuilder, History
from closecast.forecast.chances import ModelChances
from closecast.forecast.hindsight import Hindsight
from closecast.forecast.ledger import Ledger
from closecast.models import candidate


@pytest.fixture(scope="session")
def ledger(made_up_deals: pd.DataFrame) -> Ledger:
    return Ledger(made_up_deals)


@pytest.fixture(scope="session")
def history(made_up_candidate: candidate.Candidate) -> History:
    return made_up_candidate.data.builder.history


@pytest.fixture(scope="session")
def chances(ledger: Ledger, made_up_candidate: candidate.Candidate) -> ModelChances:
    builder: FeatureBuilder = made_up_candidate.data.builder
    return ModelChances(ledger, made_up_candidate.scorer, builder)


@pytest.fixture(scope="session")
def hindsight(made_up_deals: pd.DataFrame) -> Hindsight:
    return Hindsight(made_up_deals)


def known_at(deals: pd.DataFrame, day: date) -> pd.DataFrame:
    """The deals as they were known at the end of `day`."""
    known = deals[~(deals["engage_date"] > pd.Timestamp(day))].copy()
    later = known["close_date"] > pd.Timestamp(day)
    known.loc[later, "deal_stage"] = "Engaging"
    known.loc[later, "close_date"] = pd.NaT
    known.loc[later, "close_value"] = np.nan
    return known.reset_index(drop=True)
