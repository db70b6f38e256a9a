"""The history that features are read from follows the lake, on a real S3, and survives a restart without it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from closecast.models.deal_model import DealModel
from closecast.platform.lake import online
from closecast.platform.lake.store import Lake, LakeError
from closecast.platform.mlflow.registry import ModelRegistry
from closecast.platform.settings import LakeSettings
from services.api.serving.champion import Champion
from services.api.serving.history import HistoryFollower
from tests.servers.localstack import S3
from tests.servers.processes import free_port
from tests.unit.services.api.conftest import keep

pytestmark = pytest.mark.integration
NOBODY = f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def settings(s3: S3) -> LakeSettings:
    return LakeSettings.from_environment(s3.environment)


@pytest.fixture
def cache(served_model: DealModel, tmp_path: Path) -> Path:
    """As a service leaves it behind; the source is this test's own, because the lake is shared."""
    model = DealModel(
        served_model.scorer, replace(served_model.card, source=f"file:{tmp_path.name}.csv"), served_model.deals
    )
    keep(model, tmp_path)
    return tmp_path


def _champion(cache: Path) -> Champion:
    champion = Champion(ModelRegistry(NOBODY), cache)
    champion.start()
    champion.stop()
    return champion


def _ingest(settings: LakeSettings, cache: Path, deals: pd.DataFrame, until: date) -> str:
    lake = Lake(settings)
    key = lake.put_parquet("silver", deals)
    online.announce(lake, online.Newest(f"file:{cache.name}.csv", key, until))
    return key


def _key(champion: Champion) -> str:
    served = champion.status().served
    assert served is not None
    return served.model.card.deals_key


def _closing(deals: pd.DataFrame, day: str) -> pd.DataFrame:
    """The export of a later day, by which every open deal was won."""
    is_open = deals["engage_date"].notna() & deals["close_date"].isna()
    closed: dict[str, str | pd.Timestamp | float] = {
        "deal_stage": "Won",
        "close_date": pd.Timestamp(day),
        "close_value": 1000.0,
    }
    later = deals.astype({"deal_stage": object})
    return later.assign(**{name: later[name].mask(is_open, value) for name, value in closed.items()})


def test_newer_deals_are_seen_and_change_the_answer(settings: LakeSettings, cache: Path) -> None:
    # given
    champion = _champion(cache)
    follower = HistoryFollower(champion, lambda: settings, cache)
    served = champion.status().served
    assert served is not None
    before = served.model.builder.tables(date(2018, 2, 1)).horizon_table(30).values
    follower.look()
    assert champion.status().served is served
    # when
    key = _ingest(settings, cache, _closing(served.model.deals, "2018-01-20"), date(2018, 1, 20))
    follower.look()
    # then
    now = champion.status().served
    assert now is not None
    assert (now.version, now.model.card.deals_key, now.model.card.data_as_of) == ("7", key, "2018-01-20")
    assert not (now.model.builder.tables(date(2018, 2, 1)).horizon_table(30).values == before).all()
    # and the model on disk is as it was
    assert DealModel.load(now.folder).card.data_as_of == served.model.card.data_as_of


def test_older_deals_and_those_of_another_source_are_not(settings: LakeSettings, cache: Path) -> None:
    # given
    champion = _champion(cache)
    served = champion.status().served
    assert served is not None
    # when
    _ingest(settings, cache, served.model.deals.iloc[:1000], date(2017, 6, 30))
    HistoryFollower(champion, lambda: settings, cache).look()
    # then
    assert champion.status().served is served


def test_a_restart_without_the_lake_knows_the_newest_deals(settings: LakeSettings, cache: Path) -> None:
    # given
    champion = _champion(cache)
    served = champion.status().served
    assert served is not None
    key = _ingest(settings, cache, _closing(served.model.deals, "2018-01-20"), date(2018, 1, 20))
    HistoryFollower(champion, lambda: settings, cache).look()
    # when
    again = _champion(cache)
    away: Callable[[], LakeSettings] = lambda: replace(settings, endpoint=NOBODY)  # noqa: E731
    follower = HistoryFollower(again, away, cache)
    follower.start()
    follower.stop()
    # then
    assert _key(again) == key
    with pytest.raises(LakeError, match="cannot read"):
        follower.look()
    assert _key(again) == key
