"""`closecast train` and `closecast predict`: a model in a folder, with no platform and no registry."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from closecast.cli.errors import CommandError
from closecast.cli.mapping import propose_mapping
from closecast.cli.predict import predict
from closecast.cli.train import train
from closecast.deals.synthetic.generator import generate
from closecast.models.deal_model import DealModel
from closecast.scoring.pyfunc import DealModelFunction

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("export") / "deals.csv"
    generate(2_500, seed=11).to_csv(file, index=False)
    return file


@pytest.fixture(scope="module")
def folder(export: Path) -> Path:
    """The folder of a model that `train` wrote."""
    out = export.with_name("model")
    assert train(["--source", f"file:{export}", "--fiscal-year-start", "4", "--out", str(out)]) == 0
    return out


def test_what_is_trained_is_a_whole_model_and_nothing_is_left_beside_it(folder: Path) -> None:
    model = DealModel.load(folder)
    model.replay(folder)
    assert (model.card.source, model.card.fiscal_year_start) == ("file:deals.csv", 4)
    assert sorted(one.name for one in folder.parent.iterdir()) == ["deals.csv", "model"]


def test_open_deals_are_ranked_with_the_answers_of_the_model(
    folder: Path, export: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # when
    out = export.with_name("answers.json")
    status = predict([str(export), "--model", str(folder), "--horizon", "30", "--out", str(out)])
    # then
    printed = capsys.readouterr().out
    assert status == 0
    assert "chance to be won by 30 January 2018, as of 31 December 2017:" in printed
    answers = json.loads(out.read_text())
    out.unlink()
    deals = pd.read_csv(export, dtype=str, keep_default_na=False)
    is_open = deals["deal_stage"] == "Engaging"
    assert [("probability" in one) for one in answers] == is_open.tolist()
    # and to the bit what MLflow's flavour of it says
    rows = [one["row"] for one in answers if "probability" in one]
    asked = deals.iloc[rows].assign(horizon_days=30)
    asked = asked.replace("", None)
    expected = DealModelFunction(DealModel.load(folder)).predict(asked)
    assert [answers[row]["probability"] for row in rows] == expected.tolist()
    assert f"{is_open.sum()} deals scored, {(~is_open).sum()} not, the first 50 shown" in printed


def test_the_gate_decides_what_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # given an export without lost deals
    deals = generate(2_500, seed=11)
    deals[deals["deal_stage"] != "Lost"].to_csv(tmp_path / "won.csv", index=False)
    # when
    status = train(["--source", f"file:{tmp_path / 'won.csv'}", "--out", str(tmp_path / "model")])
    # then
    assert status == 2
    assert "the gate refuses the model and the baseline: nothing is kept" in capsys.readouterr().out
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "synthetic:20", "--out", "model"], "not enough data|quality|has no acceptable row|no deal"),
        (["--source", "file:absent.csv", "--out", "model"], "there is no file"),
        (["--source", "synthetic", "--out", "."], "already"),
        (["--source", "synthetic"], "--out"),
    ],
)
def test_what_cannot_be_trained_is_told(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=words):
        train(arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_mapping_that_asks_for_pseudonyms_is_left_to_the_platform(export: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "deals.mapping.yaml"
    assert propose_mapping([f"file:{export}", "--out", str(mapping)]) == 0
    mapping.write_text(mapping.read_text() + "pseudonymise: [account]\n")
    with pytest.raises(CommandError, match="the mapping pseudonymises account, and this process has no key for that"):
        train(["--source", f"file:{export}", "--mapping", str(mapping), "--out", str(tmp_path / "model")])
    assert not (tmp_path / "model").exists()


def test_a_model_that_cannot_be_used_is_told(folder: Path, export: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no folder"):
        predict([str(export), "--model", str(tmp_path / "absent")])
    with pytest.raises(CommandError, match="manifest"):
        predict([str(export), "--model", str(tmp_path)])
    with pytest.raises(CommandError, match="a horizon of 900 days is outside"):
        predict([str(export), "--model", str(folder), "--horizon", "900"])
    # and one whose names only its platform knows
    model = DealModel.load(folder)
    DealModel(model.scorer, replace(model.card, pseudonymised=("account",)), model.deals).save(tmp_path / "other")
    with pytest.raises(CommandError, match="knows account by pseudonyms"):
        predict([str(export), "--model", str(tmp_path / "other")])
