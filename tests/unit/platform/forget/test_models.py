"""A model's folder is rewritten, answers as before, and is signed again if it was signed before."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from closecast.models import manifest
from closecast.models.deal_model import DealModel
from closecast.models.manifest import MANIFEST, digest
from closecast.platform.forget.matcher import Matcher
from closecast.platform.forget.models import Models
from closecast.platform.mlflow.identity import MODEL_NAME
from closecast.platform.mlflow.registry import DIGEST_TAG
from closecast.platform.signatures import SIGNATURE_TAG, Signer, TrustedKeys

KEY = "mlflow/1/run-7/artifacts/model"
SIGNER = Signer.from_text("A" * 43)
TRUSTED = TrustedKeys.from_text(SIGNER.public)


@pytest.fixture
def folder(served_model: DealModel, tmp_path: Path) -> Path:
    served_model.save(tmp_path / "model")
    return tmp_path / "model"


def _files(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def _models(tags: Mapping[str, str]) -> Models:
    return Models(lambda _run: tags, SIGNER, TRUSTED)


def _signed(folder: Path) -> dict[str, str]:
    sha256 = digest(folder)
    return {DIGEST_TAG: sha256, SIGNATURE_TAG: SIGNER.sign(MODEL_NAME, "run-7", sha256)}


def _written(folder: Path, changed: dict[str, bytes]) -> Path:
    for name, content in changed.items():
        (folder / name).write_bytes(content)
    return folder


def test_a_name_is_replaced_and_every_golden_row_is_as_before(folder: Path, served_model: DealModel) -> None:
    # given
    agent = str(served_model.deals["sales_agent"].iloc[0])
    matcher, tags, golden = Matcher({agent: "agent-x"}), _signed(folder), (folder / "golden.json").read_bytes()
    # when
    changed, found = _models(tags).remade(KEY, _files(folder), matcher)
    # then
    assert found == int((served_model.deals["sales_agent"] == agent).sum())
    assert list(changed) == ["deals.parquet", MANIFEST]
    _written(folder, changed)
    assert (folder / "golden.json").read_bytes() == golden
    model = DealModel.load(folder, matcher.renamed[tags[DIGEST_TAG]])
    model.replay(folder)
    TRUSTED.check(MODEL_NAME, "run-7", digest(folder), matcher.renamed[tags[SIGNATURE_TAG]])


def test_a_model_of_a_version_that_rounds_differently_keeps_its_golden_rows(
    folder: Path, served_model: DealModel
) -> None:
    # given golden rows whose last bits are not this version's
    golden = json.loads((folder / "golden.json").read_text())
    for row in golden["rows"]:
        row[3] *= 1 - 1e-13
    (folder / "golden.json").write_text(json.dumps(golden))
    manifest.write(folder)
    matcher, tags = Matcher({str(served_model.deals["sales_agent"].iloc[0]): "agent-x"}), _signed(folder)
    # when
    changed, _ = _models(tags).remade(KEY, _files(folder), matcher)
    # then
    assert list(changed) == ["deals.parquet", MANIFEST]
    model = DealModel.load(_written(folder, changed), matcher.renamed[tags[DIGEST_TAG]])
    model.replay(folder)


def test_the_identifier_of_a_closed_deal_without_an_account_may_change_golden_rows(
    folder: Path, served_model: DealModel
) -> None:
    # given
    deals = served_model.deals
    closed = deals[deals["close_date"].notna() & deals["account"].isna()]["opportunity_id"]
    matcher, tags = Matcher({str(one): f"deal-{at}" for at, one in enumerate(closed)}), _signed(folder)
    # when
    changed, found = _models(tags).remade(KEY, _files(folder), matcher)
    # then
    assert found == len(closed)
    DealModel.load(_written(folder, changed)).replay(folder)
    assert not set(pd.read_parquet(folder / "deals.parquet")["opportunity_id"]) & set(closed)


def test_a_damaged_model_is_rewritten_and_neither_repaired_nor_signed(folder: Path, served_model: DealModel) -> None:
    # given
    matcher, tags = Matcher({str(served_model.deals["sales_agent"].iloc[0]): "agent-x"}), _signed(folder)
    (folder / "model.txt").write_text("changed by somebody")
    models = _models(tags)
    # when
    changed, _ = models.remade(KEY, _files(folder), matcher)
    # then
    assert list(changed) == ["deals.parquet"]
    assert matcher.renamed == {}
    assert models.notes == [f"{KEY} was damaged before: its files were rewritten, and it is not signed"]


def test_a_model_without_a_signature_gets_none(folder: Path, served_model: DealModel) -> None:
    # given
    matcher = Matcher({str(served_model.deals["sales_agent"].iloc[0]): "agent-x"})
    models, before = _models({}), digest(folder)
    # when
    changed, _ = models.remade(KEY, _files(folder), matcher)
    # then
    assert matcher.renamed == {before: digest(_written(folder, changed))}
    assert models.notes == [f"{KEY} bore no valid signature: it was rewritten, and is not signed"]


def test_a_model_that_holds_no_value_is_left_alone(folder: Path) -> None:
    matcher = Matcher({"nobody at all": "agent-x"})
    assert _models(_signed(folder)).remade(KEY, _files(folder), matcher) == ({}, 0)
    assert matcher.renamed == {}
