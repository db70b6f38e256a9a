"""A model is tried in another process: what ends that one is told here, and costs nobody anything."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closecast.models import manifest
from closecast.models.deal_model import DealModel, ModelError
from closecast.models.scorer import Scorer
from closecast.platform.mlflow import smoke_test
from tests.waiting import awaited


@pytest.fixture
def folder(served_model: DealModel, tmp_path: Path) -> Path:
    served_model.save(tmp_path / "model")
    return tmp_path / "model"


def _children() -> list[psutil.Process]:
    return [
        one
        for one in psutil.Process().children()
        if one.is_running() and "closecast.platform.mlflow.smoke_test" in one.cmdline()
    ]


def test_a_whole_model_and_its_twin_pass_once(folder: Path, served_model: DealModel, tmp_path: Path) -> None:
    # given
    marker, twin = tmp_path / "tried", tmp_path / "twin"
    Scorer(served_model.scorer.booster, served_model.scorer.calibration).save(twin)
    # when
    smoke_test.run(folder, twin, marker)
    # then it is not tried again: nothing could pass in no time
    assert marker.stat().st_mode & 0o777 == 0o600
    (folder / "card.json").unlink()
    smoke_test.run(folder, marker=marker)
    # and another's word, or one that others could have written, counts for nothing
    marker.chmod(0o666)
    with pytest.raises(ModelError, match=r"card\.json is missing"):
        smoke_test.run(folder, marker=marker)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_model_that_ends_its_process_is_refused_with_the_signal(folder: Path, tmp_path: Path, number: int) -> None:
    # given
    hit: list[int] = []

    def strike() -> None:
        for child in awaited(_children):
            os.kill(child.pid, number)
            hit.append(child.pid)

    striking = threading.Thread(target=strike)
    striking.start()
    # when / then
    with pytest.raises(ModelError, match=f"ended by {signal.Signals(number).name}.*this process has not loaded it"):
        smoke_test.run(folder, marker=tmp_path / "tried")
    striking.join()
    assert hit
    assert not (tmp_path / "tried").exists()


def test_a_model_that_takes_all_memory_is_refused(folder: Path) -> None:
    # given deals whose few bytes stand for gigabytes
    genuine = pd.read_parquet(folder / "deals.parquet")
    column = np.zeros(50_000_000)
    with pq.ParquetWriter(folder / "deals.parquet", pa.schema([(name, pa.float64()) for name in genuine])) as out:
        out.write_table(pa.table(dict.fromkeys(genuine, column)))
    assert (folder / "deals.parquet").stat().st_size < 20_000_000
    manifest.write(folder)
    # when / then
    with pytest.raises(ModelError, match=r"memory|SIGKILL|SIGABRT|deals.parquet"):
        smoke_test.run(folder)


def test_golden_rows_of_another_model_are_told(folder: Path) -> None:
    golden = (folder / "golden.json").read_text()
    (folder / "golden.json").write_text(golden.replace('"rows": [[', '"rows": [[9'))
    manifest.write(folder)
    with pytest.raises(ModelError, match="golden row"):
        smoke_test.run(folder)


def test_the_child_gets_no_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setenv("CLOSECAST_DATABASE_URL", "postgresql://closecast:secret@127.0.0.1:1/closecast")
    seen: list[dict[str, str]] = []

    def look() -> None:
        seen.extend(child.environ() for child in awaited(_children))

    looking = threading.Thread(target=look)
    looking.start()
    # when
    smoke_test.run(folder)
    looking.join()
    # then
    assert seen
    assert not [name for name in seen[0] if name.startswith(("CLOSECAST", "AWS", "MLFLOW"))]
