"""A mapping with `pseudonymise`: no name is in any stored byte, and the features are those of the names."""

import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from closecast.deals.mapping import document
from closecast.deals.mapping.document import Mapping
from closecast.deals.pseudonyms import UNKNOWN, Pseudonymiser
from closecast.deals.snapshots import data_end
from closecast.deals.synthetic.generator import generate
from closecast.features import FeatureBuilder, History
from closecast.models.deal_model import DealModel
from closecast.platform.batch.scoring import score_parquet
from closecast.platform.forget import contents
from closecast.platform.forget.matcher import Matcher
from closecast.platform.lake import online
from closecast.platform.lake.ingestion import Ingested, ingest
from closecast.platform.lake.store import Lake
from closecast.platform.settings import LakeSettings
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import read_source
from closecast.scoring.pseudonyms import NoKeyError

pytestmark = pytest.mark.integration
BY = Pseudonymiser("a key")
COLUMNS = ["sales_agent", "account"]
DOCUMENT = """
version: 1
columns:
  stage: deal_stage
  created: engage_date
  closed: close_date
  opportunity_id: opportunity_id
  sales_agent: sales_agent
  product: product
  account: account
  amount: close_value
stages: {Won: won, Lost: lost, Engaging: open, Prospecting: open}
"""
# Any text that a cell of a CSV can hold and that does not look like a word of the platform's own.
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12).map(
    lambda text: f"{text} Ärger-{text}"
)


def _mapping(*columns: str) -> Mapping:
    return document.parse(DOCUMENT + f"pseudonymise: [{', '.join(columns)}]\n")


@pytest.fixture
def lake_in(tmp_path: Path) -> Callable[[str], tuple[Lake, Path]]:
    def made(name: str) -> tuple[Lake, Path]:
        for folder in ("bronze", "silver", "quarantine", "gold", "steps", "newest"):
            (tmp_path / name / "lake" / folder).mkdir(parents=True, exist_ok=True)
        files = SubTreeFileSystem(str(tmp_path / name), LocalFileSystem())
        return Lake(LakeSettings("lake", "us-east-1"), files), tmp_path / name

    return made


def _export(folder: Path, names: dict[str, str]) -> Path:
    frame = generate(400, seed=3)
    for column in COLUMNS:
        frame[column] = frame[column].map(lambda one: names.get(one, one))
    path = folder / "deals.csv"
    frame.to_csv(path, index=False)
    return path


def _ingested(path: Path, lake: Lake, *columns: str) -> Ingested:
    return ingest(read_source(f"file:{path}", mapping=_mapping(*columns), pseudonyms=BY), lake)


def _matrix(deals: pd.DataFrame) -> np.ndarray:
    end = data_end(deals)
    builder = FeatureBuilder(History(deals, end))
    known = deals[deals["engage_date"].notna()]
    count = len(known)
    encoded = builder.history.encode(known)
    return builder.matrix(encoded, np.arange(count), np.full(count, np.datetime64(end, "D")), np.full(count, 30))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAMES, min_size=8, max_size=8, unique=True))
def test_no_name_is_in_any_stored_byte_and_features_are_the_same(
    lake_in: Callable[[str], tuple[Lake, Path]], tmp_path: Path, given_names: list[str]
) -> None:
    # given
    made = generate(400, seed=3)
    known = [*made["sales_agent"].unique()[:4], *made["account"][made["account"] != ""].unique()[:4]]
    names = dict(zip(known, given_names, strict=True))
    path = _export(tmp_path, names)
    (plain, _), (lake, folder) = lake_in("plain"), lake_in("pseudonymised")
    # when
    before, after = _ingested(path, plain), _ingested(path, lake, *COLUMNS)
    # then
    every = {*pd.read_csv(path, keep_default_na=False)[COLUMNS].to_numpy().ravel()} - {"", UNKNOWN}
    matcher = Matcher(dict.fromkeys(every, "x"))
    stored = [one for one in folder.rglob("*") if one.is_file()]
    assert {one.parent.name for one in stored} >= {"bronze", "silver", "steps", "newest"}
    assert {
        one.name: contents.count(one.read_bytes(), matcher)
        for one in stored
        if contents.count(one.read_bytes(), matcher)
    } == {}
    assert sum(len(matcher.spans(one.read_bytes())) for one in stored) == 0
    newest = online.find(lake, after.source)
    assert newest is not None
    assert after.pseudonymised == newest.pseudonymised == tuple(COLUMNS)
    assert _matrix(before.deals).tobytes() == _matrix(after.deals).tobytes()


def test_names_keep_their_pseudonyms_from_one_ingest_to_the_next(
    lake_in: Callable[[str], tuple[Lake, Path]], tmp_path: Path
) -> None:
    # given
    lake, _ = lake_in("one")
    first = _ingested(_export(tmp_path, {}), lake, *COLUMNS)
    # when
    second = _ingested(_export(tmp_path, {"nobody": "else"}), lake, *COLUMNS)
    # then
    assert second.skipped
    assert set(first.deals["sales_agent"]) == set(second.deals["sales_agent"])


def test_without_a_key_nothing_is_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the mapping pseudonymises sales_agent, and this process has no key"):
        read_source(f"file:{_export(tmp_path, {})}", mapping=_mapping("sales_agent"))


def test_a_batch_with_names_is_scored_as_that_with_pseudonyms(served_model: DealModel) -> None:
    # given a model of the same deals with pseudonyms
    deals = served_model.deals.astype(dict.fromkeys(("sales_agent", "product", "account", "deal_stage"), object))
    renamed = deals.copy()
    for name in COLUMNS:
        renamed[name] = deals[name].map({one: BY.of(name, one) for one in deals[name].dropna().unique()})
    model = served_model.seen_with(renamed, date(2017, 12, 31), "silver/x.parquet", tuple(COLUMNS))
    asked = deals[deals["deal_stage"] == "Engaging"][
        ["opportunity_id", "sales_agent", "product", "account", "engage_date"]
    ]
    source, targets = io.BytesIO(), [io.BytesIO() for _ in range(2)]
    asked.to_parquet(source, index=False)
    # when
    score_parquet(served_model, "1", io.BytesIO(source.getvalue()), targets[0], date(2017, 12, 31), 30)
    score_parquet(model, "1", io.BytesIO(source.getvalue()), targets[1], date(2017, 12, 31), 30, by=BY)
    # then
    tables = [pq.read_table(io.BytesIO(one.getvalue())) for one in targets]
    assert tables[0].equals(tables[1])
    # and without the key none is scored
    with pytest.raises(NoKeyError, match="the model knows sales_agent, account by pseudonyms"):
        score_parquet(model, "1", io.BytesIO(source.getvalue()), io.BytesIO(), date(2017, 12, 31), 30)
