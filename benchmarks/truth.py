"""`just bench truth [rows=200000] [seeds=3]`: the model's log loss on synthetic deals compared with that of their true chances.

No model can be better than the chances that the deals were drawn from; the target is to be within 2 % of them. Besides
the default deals, there are deals whose agents differ in how fast they close, which the features capture least.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import arguments
from closecast.deals.contract import check
from closecast.deals.synthetic import generator
from closecast.models import candidate, evaluation, metrics
from closecast.models.data import Data
from closecast.models.hyperparameters import Hyperparameters

TARGET = 1.02
_PAGE = Path(__file__).with_name("truth.md")
_THREADS = 2
_KINDS: dict[str, dict[str, Any]] = {
    "by default": {},
    "agents' pace differs by a factor of 1.35 (one standard deviation)": {"agent_hazard": 0.3},
}


def measure(settings: generator.Settings, seed: int) -> dict[str, tuple[int, float, float]]:
    """By horizon: held-out rows, and the mean log loss of the true chances and of the model fitted before the cut."""
    frame, truth = generator.generate_with_truth(settings, seed)
    data = Data(check(frame).accepted)
    twin, _, _ = candidate.fit_before(data, (Hyperparameters(),), 7, _THREADS, data.plan.cut)
    found = {}
    for split in evaluation.splits(data):
        rows = split.test.rows
        chances = generator.win_probability(truth, data.deals.iloc[rows.deal], rows.as_of, rows.horizon_days)
        best = float(metrics.losses(rows.won, chances).mean())
        found[split.target] = (
            len(rows.won),
            best,
            float(metrics.losses(rows.won, twin.predict(split.test.matrix, _THREADS)).mean()),
        )
    return found


def main(given: list[str]) -> int:
    chosen = arguments.read(given, rows=arguments.whole(200_000, most=10_000_000), seeds=arguments.whole(3, most=100))
    rows, seeds = chosen["rows"], range(1, chosen["seeds"] + 1)
    lines = [
        "# `just bench truth`",
        "",
        f"{rows:,} made-up deals a seed; model and cut as `just train` chooses them, no search. The quotient is the model's log loss "
        f"over that of the true chances: 1 cannot be undercut but by luck; the target is {TARGET} at most.",
        "",
        "| deals | seed | horizon | held-out rows | true chances | model | quotient |",
        "|---|---|---|---|---|---|---|",
    ]
    quotients: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    for kind, changes in _KINDS.items():
        for seed in seeds:
            for horizon, (count, best, ours) in measure(
                replace(generator.Settings(rows=rows), **changes), seed
            ).items():
                quotients[kind].append(ours / best)
                lines.append(
                    f"| {kind} | {seed} | {horizon} | {count:,} | {best:.4f} | {ours:.4f} | {ours / best:.4f} |"
                )
                print(lines[-1], flush=True)
    for kind, values in quotients.items():
        verdict = "met" if max(values) <= TARGET else "**missed**"
        lines.append(
            f"\n{kind[0].upper()}{kind[1:]}: {np.median(values):.4f} ({min(values):.4f} to {max(values):.4f}), {verdict}."
        )
    _PAGE.write_text("\n".join(lines) + "\n")
    print(_PAGE.read_text())
    return 0


if __name__ == "__main__":
    arguments.run(main)
