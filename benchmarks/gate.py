"""`just bench gate [<export.csv>] [cut=<date>]`: the effect of a few odd rows in an export on figures and decision.

Without an export, a synthetic one is used. Rows that the contract rejects change nothing: such exports are not measured
again. It writes gate.json, to which later runs of other rows add, and gate.md.
"""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import arguments
from benchmarks.gate_rows import SCENARIOS
from closecast.deals.contract import check
from closecast.deals.synthetic.generator import generate
from closecast.models import candidate
from closecast.models.data import NotEnoughDataError
from closecast.models.evidence import Export
from closecast.models.hyperparameters import PRESETS
from closecast.models.promotion import Cost, decide
from closecast.platform.runtime import processors
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import read_source
from ops.errors import OperatorError

_KEPT, _PAGE = (Path(__file__).with_name(f"gate.{kind}") for kind in ("json", "md"))
FIGURES = ("log_loss_30_days", "log_loss_quarter_end", "auc_30_days", "auc_quarter_end")


def measure(deals: pd.DataFrame, cut: date | None, threads: int) -> dict[str, Any]:
    """The figures of FIGURES, and the gate's decision on these accepted deals without a champion."""
    try:
        made = candidate.build(deals, 7, threads, PRESETS[0], cut)
    except NotEnoughDataError as error:
        return {"figures": {}, "says": str(error), "promoted": False}
    decision = decide(made.held_out, Cost(1.0, 1), "evaluated alone", export=Export.of(made.data))
    figures = {name: made.metrics()[name] for name in FIGURES}
    return {
        "figures": figures,
        "says": "" if decision.promoted else decision.reasons[0],
        "promoted": decision.promoted,
    }


def compare(
    raw: pd.DataFrame, names: list[str], cut: date | None, known: dict[str, Any], threads: int
) -> dict[str, Any]:
    """Measure each of `names` (SCENARIOS); `known` results of the unchanged export are reused."""
    plain = check(raw)
    as_it_is, *others = SCENARIOS
    found = {as_it_is: known.get(as_it_is) or {**measure(plain.accepted, cut, threads), "set_aside": ""}}
    for name in names:
        checked = check(SCENARIOS[name](raw))
        same = len(checked.accepted) == len(plain.accepted) and checked.accepted.reset_index(drop=True).equals(
            plain.accepted.reset_index(drop=True)
        )
        reasons = checked.summary(1).partition(": ")[2] if len(checked.rejected) > len(plain.rejected) else ""
        if name in others:
            found[name] = {
                **(found[as_it_is] if same else measure(checked.accepted, cut, threads)),
                "set_aside": reasons,
            }
        print(f"{name}: {json.dumps(found[name])}", flush=True)
    return found


def page(source: str, found: dict[str, Any]) -> str:
    """Write the table of gate.md."""
    lines = [
        "# Few rows that could move everything",
        "",
        f"Made by `just bench gate {source}`: rows put into the export, what the contract says of them, and the held-out figures",
        "with the gate's decision on what is left. It *holds* where all odd rows are set aside, so that the figures are those of the file",
        "as it is, or where the gate refuses and says why; else the table tells by how much log loss moves.",
        "",
        "| rows | set aside | log loss (30 days, quarter end) | ROC AUC | the gate | holds |",
        "|---|---|---|---|---|---|",
    ]
    plain = next(iter(found.values()))["figures"]
    for name, one in found.items():
        figures = [f"{one['figures'][key]:.4f}" for key in FIGURES] if one["figures"] else ["-"] * 4
        moves = [f"{one['figures'][key] - plain[key]:+.4f}" for key in FIGURES[:2]] if one["figures"] else ["-"] * 2
        holds = "yes" if one["figures"] == plain or not one["promoted"] else f"moves {', '.join(moves)}"
        says = "promotes" if one["promoted"] else f"refuses: {one['says']}"
        lines.append(
            f"| {name} | {one['set_aside'] or '-'} | {figures[0]}, {figures[1]} | {figures[2]}, {figures[3]} | {says} | {holds} |"
        )
    return "\n".join(lines) + "\n"


def _raw(path: str) -> pd.DataFrame:
    try:
        return read_source(f"file:{Path(path).resolve()}").frame
    except SourceError as error:
        raise OperatorError(
            str(error), "name an export that is there, as `just train --source file:<path>` takes it"
        ) from error


def main(given: list[str]) -> int:
    files = [one for one in given if "=" not in one]
    every = range(len(SCENARIOS))
    chosen = arguments.read(
        [one for one in given if "=" in one], cut=arguments.day(), rows=arguments.wholes(every, 0, most=every[-1])
    )
    if len(files) > 1:
        raise OperatorError(
            f"{len(files)} exports are named: {', '.join(files)}", "name one, or none for a made-up one"
        )
    raw, cut = _raw(files[0]) if files else generate(2_500, seed=11), chosen["cut"]
    source = Path(files[0]).name if files else "(a made-up export of 2,500 deals)"
    names = [list(SCENARIOS)[at] for at in chosen["rows"]]
    kept = json.loads(_KEPT.read_text()) if _KEPT.exists() else {}
    known = kept["found"] if kept.get("source") == [source, str(cut)] and len(names) < len(every) else {}
    for name in names:
        known |= compare(raw, [name], cut, known, processors.usable())
        ordered = {one: known[one] for one in SCENARIOS if one in known}
        _KEPT.write_text(json.dumps({"source": [source, str(cut)], "found": ordered}, indent=1))
        _PAGE.write_text(page(" ".join([source, *(f"cut={cut}" for _ in [cut] if cut)]), ordered))
    return 0


if __name__ == "__main__":
    arguments.run(main)
