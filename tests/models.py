"""A real model of a made-up export, for every room that scores with one."""

import fcntl
import os
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from closecast.deals import stages
from closecast.deals.contract import check
from closecast.deals.quality import Quality
from closecast.deals.stages import HISTORY, Entry
from closecast.deals.synthetic.generator import generate
from closecast.features import NAMES
from closecast.models import candidate, training
from closecast.models.calibration import BetaCalibration
from closecast.models.card import ModelCard
from closecast.models.data import Data
from closecast.models.deal_model import DealModel
from closecast.models.hyperparameters import Hyperparameters
from closecast.models.scorer import Scorer
from closecast.platform.lake.ingestion import Ingested

_FIGURES: list[dict[str, Any]] = []


@pytest.fixture(scope="session")
def made_up_deals() -> pd.DataFrame:
    return check(generate(2_500, seed=11)).accepted


@pytest.fixture(scope="session")
def made_up_candidate(tmp_path_factory: pytest.TempPathFactory, made_up_deals: pd.DataFrame) -> candidate.Candidate:
    """Trained once in a run of the tests, and read by its other processes."""
    file = _of_the_run(tmp_path_factory) / "made-up-candidate"
    with _locked(file):
        if not file.exists():
            built = candidate.build(made_up_deals, seed=7, threads=1)
            with file.with_suffix(".part").open("wb") as kept:
                _Pickler(kept).dump(built)
            file.with_suffix(".part").rename(file)
            return built
    found: candidate.Candidate = pickle.loads(file.read_bytes())
    return found


def ingested(deals: pd.DataFrame) -> Ingested:
    """`deals` as they come out of the lake, all of them accepted."""
    perfect = Quality(1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    names = ("synthetic", "a" * 64, "bronze/1", "silver/2", None)
    return Ingested(deals, *names, len(deals), 0, "all accepted", perfect)


@pytest.fixture
def computed_once(made_up_candidate: candidate.Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figures, which take seconds, for tests that publish it several times."""
    if not _FIGURES:
        _FIGURES.append(made_up_candidate.report())
    monkeypatch.setattr(candidate.Candidate, "report", lambda _self: _FIGURES[0])


@pytest.fixture(scope="session")
def served_model(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> DealModel:
    """Trained once in a run of the tests, and read by each of its processes as the service reads a model."""
    folder = _of_the_run(tmp_path_factory) / "served-model"
    with _locked(folder):
        if not folder.exists():
            made = folder.with_suffix(".part")
            deals, built = (request.getfixturevalue(name) for name in ("made_up_deals", "made_up_candidate"))
            _model(deals, built).save(made)
            made.rename(folder)
    return DealModel.load(folder)


@pytest.fixture(scope="session")
def historic_model(made_up_deals: pd.DataFrame, served_model: DealModel) -> DealModel:
    """Has learnt from stage histories that tell much: deals that will be won move on, others are put off."""
    deals = made_up_deals.copy()
    deals[HISTORY] = _histories(made_up_deals)
    data = Data(deals)
    rows = data.learnable()
    settings = Hyperparameters(num_leaves=15, min_data_in_leaf=100, entity_weight=1.0)
    booster = training.fit(data.fitting_matrix(rows), rows.won, settings, 40, 7, 1)
    return DealModel(Scorer(booster, BetaCalibration(1.0, 1.0, 0.0)), served_model.card, deals)


def _histories(deals: pd.DataFrame) -> list[str | None]:
    found: list[str | None] = []
    random = np.random.default_rng(1)
    for engaged, stage in zip(deals["engage_date"], deals["deal_stage"], strict=True):
        if pd.isna(engaged) or random.random() < 0.1:
            found.append(None)
            continue
        day, goes_well = engaged.date(), stage == "Won" or random.random() < 0.3
        entries = [Entry(day, "Lead", day + timedelta(days=30))]
        entries.append(Entry(day + timedelta(days=5), "Offer" if goes_well else "Demo"))
        if not goes_well:
            entries.append(Entry(day + timedelta(days=9), "Lead", day + timedelta(days=60)))
        found.append(stages.write(entries))
    return found


def made_up() -> DealModel:
    """The same, for who is no test."""
    deals = check(generate(2_500, seed=11)).accepted
    return _model(deals, candidate.build(deals, seed=7, threads=1))


class _Pickler(pickle.Pickler):
    """Takes locks for new ones."""

    def reducer_override(self, one: object) -> Any:
        return (threading.Lock, ()) if isinstance(one, type(threading.Lock())) else NotImplemented


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Other processes of this run wait here for what is made at `path`."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _of_the_run(factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run of the tests have in common."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def _model(deals: pd.DataFrame, built: candidate.Candidate) -> DealModel:
    card = ModelCard(
        trained_at="2018-01-01T00:00:00+00:00",
        source="synthetic",
        source_sha256="0" * 64,
        data_as_of="2017-12-31",
        deals_key="silver/0.parquet",
        feature_names=NAMES,
        horizons=(30, "quarter_end"),
        cut="2017-07-01",
        metrics=built.metrics(),
        reference_metrics=built.references(),
        rows=built.rows,
        hyperparameters=built.settings.as_dict(),
        rounds=built.schedule.rounds,
        seed=7,
        calibration=asdict(built.scorer.calibration),
    )
    return DealModel(built.scorer, card, deals)
