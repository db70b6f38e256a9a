"""Who may replace whom."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecast.features.history import ENTITIES
from closecast.models import replacement
from closecast.models.card import BASELINE, ModelCard


def test_made_up_data_never_replace_real_ones(card: ModelCard) -> None:
    real = replace(card, source="file:sales.csv")
    assert not replacement.origin(card, real.source).passed
    assert replacement.origin(real, card.source).passed
    assert replacement.origin(card, card.source).passed


def test_a_champion_is_compared_only_where_it_has_not_seen_the_rows(card: ModelCard) -> None:
    real = replace(card, source="file:sales.csv")
    assert replacement.incomparable(real, real) is None
    assert replacement.incomparable(real, replace(real, cut="2017-06-01")) is None
    assert "it knows rows held out here" in str(replacement.incomparable(real, replace(real, cut="2017-09-01")))
    assert "made-up data (synthetic)" in str(replacement.incomparable(real, card))
    assert replacement.incomparable(replace(real, source="file:other.csv"), replace(real, cut="2017-09-01")) is None


def test_a_place_is_vacant_where_no_model_of_these_deals_serves(card: ModelCard) -> None:
    real = replace(card, source="file:sales.csv")
    assert replacement.is_vacant(real, None)
    assert replacement.is_vacant(real, replace(real, kind=BASELINE))
    assert replacement.is_vacant(real, card)  # a model of made-up data
    assert not replacement.is_vacant(real, real)
    assert not replacement.is_vacant(card, card)
    assert replacement.is_vacant(real, real, has_other_deals=True)


def _deals(**columns: Any) -> pd.DataFrame:
    days = pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(200), unit="D")
    filled = {
        "opportunity_id": [str(at) for at in range(200)],
        "engage_date": days,
        **dict.fromkeys(ENTITIES, "unknown"),
    }
    return pd.DataFrame(filled | columns)


@pytest.mark.parametrize(
    ("ours", "theirs", "other"),
    [
        ({"sales_agent": "Ann"}, {"sales_agent": "Bob"}, False),  # the deals are the same
        ({"sales_agent": "Ann", "opportunity_id": "x"}, {"sales_agent": "Bob"}, True),
        ({"sales_agent": "Ann", "opportunity_id": "x"}, {"sales_agent": "Ann"}, False),
        ({"opportunity_id": "x", "product": "Basic"}, {"product": ["Basic"] * 3 + ["Pro"] * 197}, False),
        ({"opportunity_id": "x"}, {}, True),  # an unknown name is nobody's
        (
            {"engage_date": pd.Timestamp("2024-01-05")},
            {},
            True,
        ),  # numbers of rows: one of them on the same day by chance
        ({"account": [None] * 199 + ["Oak"], "opportunity_id": "x"}, {"account": [None] * 200}, True),
    ],
)
def test_deals_of_another_company_are_told_by_names_and_deals(
    ours: dict[str, Any], theirs: dict[str, Any], other: bool
) -> None:
    assert replacement.are_other_deals(_deals(**ours), _deals(**theirs)) == other
