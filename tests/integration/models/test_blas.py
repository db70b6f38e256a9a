"""The linear algebra of training has one thread."""

import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from closecast.models import candidate, evaluation, metrics, promotion


def _blas() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_blas_has_one_thread_while_a_candidate_is_made_and_judged(
    deals: pd.DataFrame, built: candidate.Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a process whose BLAS has more, and places in the midst of the work that tell
    seen: list[set[int]] = []
    places = ((candidate, "fit_before"), (evaluation, "held_out"), (metrics, "all_with_intervals"), (metrics, "scores"))
    for module, name in places:
        made = getattr(module, name)

        def told(*given: object, made=made) -> object:  # type: ignore[no-untyped-def]
            seen.append(_blas())
            return made(*given)

        monkeypatch.setattr(module, name, told)
    with threadpool_limits(3, "blas"):
        before = _blas()
        # when
        candidate.build(deals, 7, 1)
        built.report()
        promotion.decide(built.held_out, promotion.Cost(1.0, 1), "nobody serves")
        # then, and afterwards it has what it had
        assert _blas() == before != {1}
    assert len(seen) > len(places)
    assert set.union(*seen) == {1}
