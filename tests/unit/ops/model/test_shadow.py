"""What `just shadow` says of the job's health page."""

from ops.model.shadow import progress


def test_how_far_scoring_is_and_what_is_wrong_is_told() -> None:
    lines = progress(
        {
            "batches_behind": 2.0,
            "scored_total": 1200.0,
            "problems": {"model": "version 8 gives no results: it was refused"},
        }
    )
    assert lines == [
        "scoring       2 closed batches to score, 1200 predictions scored",
        "problem       model: version 8 gives no results: it was refused",
    ]
