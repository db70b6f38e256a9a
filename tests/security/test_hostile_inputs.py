"""A thousand hostile requests to the API's own process: each is answered, refused where it must be, and harms nobody."""

from pathlib import Path

import pytest

from benchmarks.hostile import serving, tried
from closecast.models.deal_model import DealModel
from tests.unit.services.api.conftest import keep

pytestmark = pytest.mark.integration
SEED = 18


@pytest.mark.timeout(600)
def test_nothing_hostile_ends_the_service_or_passes(served_model: DealModel, tmp_path: Path) -> None:
    # given
    cache = tmp_path / "models"
    cache.mkdir()
    keep(served_model, cache)
    # when
    with serving(cache, tmp_path / "api.log") as server:
        found = tried(server, SEED, 1_000)
    # then
    assert sum(counts["inputs"] for counts in found.values()) >= 1_000
    assert {kind: dict(counts) for kind, counts in found.items() if set(counts) != {"inputs"}} == {}
    assert "Traceback" not in (tmp_path / "api.log").read_text(errors="replace")
