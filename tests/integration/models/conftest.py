"""The made-up export and the real one, and the candidate that each gives."""

import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.models import candidate


@pytest.fixture(scope="session")
def deals(made_up_deals: pd.DataFrame) -> pd.DataFrame:
    return made_up_deals


@pytest.fixture(scope="session")
def built(made_up_candidate: candidate.Candidate) -> candidate.Candidate:
    return made_up_candidate


@pytest.fixture(scope="session")
def real(real_raw: pd.DataFrame) -> candidate.Candidate:
    """The candidate of the real file, on the protocol of the published reference."""
    return candidate.build(check(real_raw).accepted, seed=7, threads=2)
