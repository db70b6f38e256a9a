"""What a model is watched with, made from a trained candidate and read back."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from closecast.models.candidate import Candidate
from closecast.models.manifest import MANIFEST, ModelError
from closecast.monitoring import files, rows
from closecast.monitoring.drift import State, look
from closecast.monitoring.reference import AS_OF, SAMPLE, Reference


@pytest.fixture(scope="module")
def reference(made_up_candidate: Candidate) -> Reference:
    return Reference.of(made_up_candidate, threads=1)


def test_it_is_read_back_as_it_was_made(reference: Reference, tmp_path: Path) -> None:
    # when
    reference.save(tmp_path / "reference")
    found = Reference.load(tmp_path / "reference")
    # then
    assert found.tolerance == reference.tolerance
    pd.testing.assert_frame_equal(found.sample, reference.sample)
    for name in files.PROFILES:
        assert getattr(found, name).to_bytes() == getattr(reference, name).to_bytes()


def test_it_describes_what_the_model_learnt_from(reference: Reference, made_up_candidate: Candidate) -> None:
    assert reference.scored.rows == len(made_up_candidate.data.learnable())
    assert reference.closed.rows == made_up_candidate.data.deals["close_date"].notna().sum()
    assert reference.engaged.rows == len(made_up_candidate.data.deals)
    assert list(reference.sample.columns) == [*rows.SCORED, AS_OF]
    assert len(reference.sample) == min(SAMPLE, reference.scored.rows)
    # and its own latest rows are no drift
    data = made_up_candidate.data
    known = data.learnable()
    latest = known.as_of == known.as_of.max()
    matrix = data.builder.matrix(
        data.encoded_deals, known.deal[latest], known.as_of[latest], known.horizon_days[latest]
    )
    scores = made_up_candidate.scorer.predict(matrix)
    window = rows.scored(matrix, scores, known.as_of[latest], known.horizon_days[latest], known.deal[latest])
    found = look(reference.scored, [window], rows.SCORED)
    assert found.state in (State.STABLE, State.NO_MOVEMENT)


@pytest.fixture(scope="module")
def saved(reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "reference"
    reference.save(folder)
    return folder


@pytest.mark.parametrize("name", files.FILES)
def test_a_damaged_file_is_named(saved: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(saved, tmp_path / "reference")
    file = folder / name
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match=f"{name} is damaged"):
        Reference.load(folder)


def test_without_a_manifest_it_is_none(saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "reference")
    (folder / MANIFEST).unlink()
    with pytest.raises(ModelError, match=MANIFEST):
        Reference.load(folder)
