"""`just bench history folder=<path> [mapping=<file>]`: what the stage history of an export adds to the model.

The candidate is fitted with and without it at three cuts, and both are measured on the same later rows. Writes history.md.
"""

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import lightgbm
import pandas as pd

from benchmarks import arguments
from closecast.deals import contract
from closecast.deals.mapping.document import MappingError, parse
from closecast.deals.stages import HISTORY
from closecast.features.build import STAGES
from closecast.features.declared import NAMES
from closecast.models import blas, candidate, evaluation, history_use, metrics
from closecast.models.data import Data, NotEnoughDataError, nearest_month, plan
from closecast.models.hyperparameters import PRESETS
from closecast.models.metrics import Measured, Probabilities
from closecast.platform.runtime import processors
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import read_source
from ops.errors import OperatorError

_PAGE = Path(__file__).with_name("history.md")
_SHARES = (0.5, 0.6, 0.7)  # of the span, where the cuts are
_SEED = 7


@dataclass(frozen=True)
class Row:
    """Held-out log losses of one cut and target, and the paired difference with its interval (below 0: history helps)."""

    cut: date
    target: str
    rows: int
    deals: int
    without: float
    with_history: float
    difference: Measured
    used: bool  # whether later rows before the cut say that it helps, so that the candidate uses it


@dataclass(frozen=True)
class Fitted:
    """The held-out predictions of one candidate by target, and how often its trees split on each history feature."""

    predictions: dict[str, Probabilities]
    splits: dict[str, int]


@blas.one_thread()
def fitted(
    deals: pd.DataFrame, cut: date, threads: int, uses_history: bool
) -> tuple[Fitted, tuple[evaluation.Split, ...]]:
    """Fit a candidate before `cut` as training does, which uses the history or not. Raises NotEnoughDataError."""
    data = Data(deals, cut)
    splits = evaluation.splits(data)
    scorer, _, _ = candidate.fit_before(data, PRESETS, _SEED, threads, cut, uses_history)
    used = lightgbm.Booster(model_str=scorer.booster.text).feature_importance("split").tolist()
    predictions = {one.target: scorer.predict(one.test.matrix) for one in splits}
    return Fitted(predictions, dict(list(zip(NAMES, used, strict=True))[STAGES])), splits


def compared(deals: pd.DataFrame, cut: date, threads: int) -> tuple[list[Row], dict[str, int]]:
    """Measure one cut; also how often the trees split on each history feature. Raises NotEnoughDataError."""
    ours, splits = fitted(deals, cut, threads, uses_history=True)
    theirs, _ = fitted(deals.drop(columns=HISTORY), cut, threads, uses_history=False)
    used = _used(deals, cut, threads)
    found = []
    for one in splits:
        rows, mine, other = one.test.rows, ours.predictions[one.target], theirs.predictions[one.target]
        losses = [float(metrics.losses(rows.won, predicted).mean()) for predicted in (other, mine)]
        difference = metrics.paired_difference(rows.won, mine, other, rows.deal)
        found.append(Row(cut, one.target, len(rows), rows.deals(), losses[0], losses[1], difference, used))
    return found, ours.splits


@blas.one_thread()
def _used(deals: pd.DataFrame, cut: date, threads: int) -> bool:
    data = Data(deals, cut)
    rows = data.learnable(cut)
    return history_use.helps(data.fitting_matrix(rows), rows, cut, _SEED, threads)


def page(name: str, read: str, found: list[Row], used: dict[date, dict[str, int]]) -> str:
    """The text of history.md."""
    lines = [
        "# What the stage history adds",
        "",
        f"Made by `just bench history folder=<…>` on `{name}`: {read}.",
        "",
        "Held-out log loss of the candidate with and without the history, fitted before the cut and measured on the same rows",
        "after it. The difference is paired by deal, with its 95 % interval; below 0 the history helps. Training uses the history",
        "only where forward folds before the cut say clearly that it helps: the last column. Elsewhere the candidate is that of",
        "*without*.",
        "",
        "| cut | target | rows | deals | without | with | difference | used |",
        "|---|---|---:|---:|---:|---:|---|---|",
        *(
            f"| {one.cut} | {one.target.replace('_', ' ')} | {one.rows:,} | {one.deals:,} | {one.without:.4f} | {one.with_history:.4f} "
            f"| {one.difference.value:+.4f} ({one.difference.low:+.4f} to {one.difference.high:+.4f}) "
            f"| {'yes' if one.used else 'no'} |"
            for one in found
        ),
        "",
        "How often the trees that use it split on each of its features:",
        "",
        f"| feature | {' | '.join(map(str, used))} |",
        f"|---|{'---:|' * len(used)}",
        *(f"| {name} | {' | '.join(str(of[name]) for of in used.values())} |" for name in NAMES[STAGES]),
        "",
        _verdict(found),
    ]
    return "\n".join(lines) + "\n"


def _verdict(found: list[Row]) -> str:
    better = sum(one.difference.high < 0 for one in found)
    worse = sum(one.difference.low > 0 for one in found)
    return (
        f"Of the {len(found)} differences, {better} are clearly below 0, {worse} clearly above, and {len(found) - better - worse} "
        "cannot be told from 0."
    )


def main(given: list[str]) -> int:
    """Measure the cuts and write the page."""
    wanted = arguments.read(
        given,
        folder=arguments.text("", "a folder with deals and their stage history"),
        mapping=arguments.text("", "a mapping file"),
    )
    folder = Path(wanted["folder"]).resolve()
    if not wanted["folder"] or not folder.is_dir():
        raise OperatorError(f"{wanted['folder']!r} is no folder", "name the export: just bench history folder=<path>")
    try:
        mapping = parse(Path(wanted["mapping"]).read_bytes()) if wanted["mapping"] else None
        export = read_source(f"file:{folder}", mapping=mapping)
        deals = contract.check(export.frame).accepted.reset_index(drop=True)
    except (SourceError, contract.ContractError, MappingError, OSError) as error:
        raise OperatorError(str(error), "mend what it names") from error
    if HISTORY not in deals:
        raise OperatorError(f"{folder} has no stage history: {export.describe()}", "put it into the folder")
    own = plan(deals)
    found: list[Row] = []
    used: dict[date, dict[str, int]] = {}
    for cut in sorted({nearest_month(own.first + (own.end - own.first) * share) for share in _SHARES}):
        begin = time.monotonic()
        try:
            rows, used[cut] = compared(deals, cut, processors.usable())
        except NotEnoughDataError as error:
            print(f"{cut}: {error}", flush=True)
            continue
        found += rows
        print(f"{cut}: {time.monotonic() - begin:.0f} s, {rows}", flush=True)
        _PAGE.write_text(page(folder.name, export.describe(), found, used))
    return 0


if __name__ == "__main__":
    arguments.run(main)
