"""The served models, and the deals of the requests: raw for Closecast, as ready-made features for its peers."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.contract import check
from closecast.deals.horizon import QUARTER_END, horizon_days
from closecast.features import NAMES
from closecast.models import training
from closecast.models.calibration import BetaCalibration
from closecast.models.card import ModelCard
from closecast.models.data import Data
from closecast.models.deal_model import DealModel
from closecast.models.hyperparameters import Hyperparameters
from closecast.models.scorer import Scorer
from closecast.platform.sources.export import RawExport, read_source

RAW = ("opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date")
DISTINCT = 500  # deals that single predictions go round among
BATCH = 10_000
_SEED, _THREADS = 7, 2
# Trees and leaves: of the champion on the public export, and for a larger export. Fixed, because a synthetic
# export needs fewer trees, and the peers must not profit from that.
OWN, LARGE = (60, 7), (200, 31)
_CALIBRATION = BetaCalibration(0.98, 1.02, 0.01)  # any that changes something


@dataclass(frozen=True)
class Subject:
    """One model, and the requests that every server gets."""

    label: str
    folder: Path  # as closecast.models.deal_model.DealModel keeps it
    model: DealModel
    deals: list[dict[str, str]]  # raw columns, as text
    features: NDArray[np.float64]  # (DISTINCT, len(NAMES)), of the first deals, by quarter end
    expected: NDArray[np.float64]  # (DISTINCT,), what the booster alone says of them
    probabilities: NDArray[np.float64]  # (DISTINCT,), what Closecast says of them

    @property
    def booster(self) -> Path:
        return self.folder / "model.txt"


def train(source: str, folder: Path) -> tuple[Subject, Subject]:
    """Train a model of `source` with OWN trees, and one with LARGE ones; both are saved below `folder`."""
    export = read_source(source, _SEED)
    deals = check(export.frame).accepted
    data = Data(deals)
    rows = data.learnable()
    features = data.matrix(rows)
    card = _card(data, export, len(deals))

    def subject(trees: int, leaves: int) -> Subject:
        booster = training.fit(features, rows.won, Hyperparameters(num_leaves=leaves), trees, _SEED, _THREADS)
        return _subject(Scorer(booster, _CALIBRATION), card, data, folder / f"{trees}x{leaves}")

    return subject(*OWN), subject(*LARGE)


def _subject(scorer: Scorer, card: ModelCard, data: Data, folder: Path) -> Subject:
    DealModel(scorer, card, data.deals).save(folder)
    model = DealModel.load(folder)
    raw = _raw(data.deals)
    asked = pd.DataFrame(raw[:DISTINCT]).assign(engage_date=lambda frame: pd.to_datetime(frame["engage_date"]))
    asked["account"] = asked["account"].replace("", None)
    features = matrix(model, asked)
    booster = lightgbm.Booster(model_str=scorer.booster.text)
    most = max(tree["num_leaves"] for tree in booster.dump_model()["tree_info"])
    label = f"{booster.num_trees()} trees x {most} leaves"
    expected = np.asarray(booster.predict(features, num_threads=1))
    return Subject(label, folder, model, raw, features, expected, model.scorer.predict(features))


def matrix(model: DealModel, deals: pd.DataFrame) -> NDArray[np.float64]:
    """Features of raw deals as of the last date of the model's data, by the end of its quarter; (n, len(NAMES))."""
    as_of, count = date.fromisoformat(model.card.data_as_of), len(deals)
    return model.builder.matrix(
        model.builder.history.encode(deals),
        np.arange(count),
        np.full(count, np.datetime64(as_of, "D")),
        np.full(count, horizon_days(as_of, QUARTER_END)),
    )


def _raw(deals: pd.DataFrame) -> list[dict[str, str]]:
    """BATCH open deals in raw columns, sampled with replacement; the first DISTINCT ones differ."""
    open_deals = deals[deals["deal_stage"] == "Engaging"]
    random = np.random.default_rng(0)
    order = random.permutation(len(open_deals))
    drawn = open_deals.iloc[order[np.arange(BATCH) % len(open_deals)]]
    table = drawn[list(RAW)].assign(engage_date=drawn["engage_date"].dt.strftime("%Y-%m-%d"))
    rows = table.astype(object).where(table.notna(), "").to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def _card(data: Data, export: RawExport, accepted: int) -> ModelCard:
    return ModelCard(
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        source=export.name,
        source_sha256=export.sha256,
        data_as_of=data.plan.end.isoformat(),
        deals_key="silver/benchmark.parquet",
        feature_names=NAMES,
        horizons=(30, QUARTER_END),
        cut=data.plan.cut.isoformat(),
        metrics={},
        reference_metrics={},
        rows={"accepted": accepted},
        hyperparameters=Hyperparameters().as_dict(),
        rounds=OWN[0],
        calibration=asdict(_CALIBRATION),
        seed=_SEED,
        note="Made to be measured, not to be believed.",
    )


def feature_names(folder: Path) -> Path:
    """Write the names of the features to a JSON file, for servers without Closecast."""
    file = folder / "features.json"
    file.write_text(json.dumps(NAMES))
    return file
