"""From checked deals to a candidate: fitted before the cut and measured after it, then refitted on all that is known."""

from dataclasses import dataclass

import lightgbm
import pandas as pd

from closecast.deals.snapshots import DEFAULT_HORIZONS
from closecast.models import evaluation, training


@dataclass(frozen=True)
class Candidate:
    """A booster to serve, its evaluation twin, and what the twin showed on rows it had not seen."""

    booster: lightgbm.Booster  # refitted on all rows with known labels
    twin: lightgbm.Booster  # fitted only on rows whose label window ended before the cut
    plan: training.Plan
    held_out: tuple[evaluation.Split, ...]
    metrics: dict[str, float]
    references: dict[str, float]
    rows: dict[str, int]  # "fit": the twin's, "refit": the served booster's


def build(deals: pd.DataFrame, seed: int, threads: int) -> Candidate:
    """Fit, measure, refit. `deals` are accepted deals. Raises NotEnoughDataError when they are too few or too short."""
    plan = training.plan(deals)
    held_out = evaluation.splits(deals, plan)
    known = plan.rows(deals, DEFAULT_HORIZONS)
    early = known.known_before(plan.cut)
    twin = training.fit(early, seed, threads)
    return Candidate(
        booster=training.fit(known, seed, threads),
        twin=twin,
        plan=plan,
        held_out=held_out,
        metrics=evaluation.measure(twin, held_out),
        references=evaluation.references(held_out),
        rows={"fit": len(early), "refit": len(known)},
    )
