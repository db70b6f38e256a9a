"""The measure of size on a small export: every stage runs alone, hands on to the next, and stands in the page."""

import pytest

from benchmarks import scale
from ops.errors import OperatorError

pytestmark = [pytest.mark.integration, pytest.mark.slow]
DEALS = 2_500


@pytest.mark.timeout(900)
def test_every_stage_is_measured_and_within_its_memory() -> None:
    # when
    runs = scale.measure(DEALS, rounds=1)
    # then
    found = {run["stage"]: run for run in runs}
    assert list(found) == list(scale.STAGES)
    for run in runs:
        assert run["deals"] == DEALS
        assert min(run["cpu"], run["wall"]) > 0
        assert 50 < run["peak_mb"] < 1_000
    assert found["ingest"]["did"] == f"{DEALS:,} deals accepted, 0 set aside"
    assert found["score"]["did"].startswith(f"{DEALS:,} deals, ")
    assert "of all deals; the gate would promote it" in found["train"]["did"]


def _run(stage: str, deals: int, cpu: float, peak: float) -> dict[str, object]:
    return {"stage": stage, "deals": deals, "did": "something", "cpu": cpu, "wall": cpu, "peak_mb": peak}


@pytest.mark.parametrize(
    ("cpu", "peak", "words"),
    [
        (20.0, 900.0, ("1.00, linear or less", "900 MB, within 4,096 MB")),
        (40.0, 5_000.0, ("2.00, **more than linear**", "5,000 MB, **above** 4,096 MB")),
    ],
)
def test_the_page_says_whether_growth_and_memory_are_within_their_bounds(
    cpu: float, peak: float, words: tuple[str, ...]
) -> None:
    # given
    runs = [_run(stage, deals, cost, peak) for stage in scale.STAGES for deals, cost in ((1_000, 10.0), (2_000, cpu))]
    # when
    lines = scale.page(runs)
    # then
    for one in words:
        assert one in "\n".join(lines)


def test_a_stage_that_fails_says_why_and_an_unknown_argument_is_named(tmp_path: object) -> None:
    with pytest.raises(OperatorError, match=r"the stage train failed: (?s:.)*there is no file .*export\.parquet"):
        scale.alone("train", tmp_path)  # type: ignore[arg-type]
    for argument in ("deals=", "deals=10,x", "rounds=0"):
        with pytest.raises(OperatorError, match=f"{argument} is not understood"):
            scale.main([argument])
