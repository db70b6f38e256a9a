"""`just bench exports folder=<path> [cuts=3] [mappings=<path>]`: what is made of each export in a folder, and how good a model of it is.

A file's own mapping, where only its owner can say something, is <name>.mapping.yaml in `mappings`. Writes exports.md.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks import arguments
from closecast.deals import contract, quality
from closecast.deals.mapping.document import MappingError, parse
from closecast.deals.reading.export import ENDINGS
from closecast.models import candidate as candidates
from closecast.models.baselines import BASELINES
from closecast.models.data import NotEnoughDataError, nearest_month, plan
from closecast.models.evaluation import CANDIDATE
from closecast.platform.measuring import judge_alone
from closecast.platform.runtime import processors
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import read_source
from closecast.platform.sources.inspection import shortfalls
from ops.errors import OperatorError

_PAGE = Path(__file__).with_name("exports.md")
_SHARES = (0.5, 0.6, 0.7)  # of the span, where the cuts are


@dataclass
class Found:
    """What came of one file; `measured` has one row for each cut and target."""

    name: str
    read: str = ""
    refused: str = ""
    rows: int = 0
    used: int = 0
    reasons: list[str] = field(default_factory=list)
    quality: float | None = None
    shortfalls: list[str] = field(default_factory=list)
    measured: list[dict[str, Any]] = field(default_factory=list)
    served: list[str] = field(default_factory=list)  # by cut
    seconds: float = 0.0


def look_at(path: Path, mapping: Path, cuts: int, threads: int) -> Found:
    """Read, check and measure one file, as far as it can be."""
    begin = time.monotonic()
    found = Found(path.name)
    try:
        given = parse(mapping.read_bytes()) if mapping.exists() else None
        export = read_source(f"file:{path.resolve()}", mapping=given)
        checked = contract.check(export.frame)
    except (SourceError, contract.ContractError, MappingError) as error:
        found.refused = str(error).replace(str(path.resolve()), path.name)
        found.seconds = time.monotonic() - begin
        return found
    score = quality.assess(export.frame, checked)
    found.read, found.quality, found.shortfalls = export.describe(), score.score, shortfalls(checked, score)
    found.rows, found.used = len(export.frame) + export.set_aside, len(checked.accepted)
    found.reasons = _reasons(export, checked)
    if not found.shortfalls:
        for cut in _cuts(checked, cuts):
            try:
                report = judge_alone(candidates.build(checked.accepted, 7, threads, None, cut)).report
            except NotEnoughDataError as error:
                found.served.append(f"{cut}: nothing: {error}")
                continue
            found.measured += list(_measures(report))
            refused = next((one["sentence"] for one in report["decision"]["checks"] if not one["passed"]), None)
            serves = (
                "the model" if refused is None else f"{report['serves'] or 'nothing'}, because of the model: {refused}"
            )
            found.served.append(f"{cut}: {serves}")
    found.seconds = time.monotonic() - begin
    return found


def _reasons(export: Any, checked: contract.CheckedDeals) -> list[str]:
    aside = [one.reason for one in export.read.set_aside]
    rejected = list(checked.rejected["reasons"]) if len(checked.rejected) else []
    return [f"{count:,} x {reason}" for reason, count in Counter([*aside, *rejected]).most_common()]


def _cuts(checked: contract.CheckedDeals, count: int) -> list[date]:
    """The months' begins nearest to the shares of the span; of one, the one that training takes."""
    own = plan(checked.accepted)
    if count == 1:
        return [own.cut]
    found = []
    for share in _SHARES:
        nearest = nearest_month(own.first + (own.end - own.first) * share)
        if own.first < nearest < own.end and nearest not in found:
            found.append(nearest)
    return found


def _measures(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for target, found in report["targets"].items():
        yield {
            "cut": report["plan"]["cut"],
            "target": target.replace("_", " "),
            "candidate": found["ladder"]["all"]["rungs"][CANDIDATE]["log_loss"]["value"],
            "against": found["log_loss_against"],
        }


def page(found: list[Found], cuts: int) -> str:
    """The tables of exports.md."""
    lines = [
        "# Exports as other people have them",
        "",
        f"Made by `just bench exports folder=<…> mappings=<…> cuts={cuts}`: each file as it is, read, mapped, checked and, where a model",
        "can be trained, measured. Rows in are the rows used and those set aside.",
        "",
        "| file | read and mapped | rows in | used | set aside | quality | measured | seconds |",
        "|---|---|---:|---:|---|---:|---|---:|",
    ]
    for one in found:
        measured = one.refused or "; ".join(one.shortfalls) or ", ".join(_targets(one)) or "nothing"
        score = "" if one.quality is None else f"{one.quality:.3f}"
        aside = "; ".join([f"{one.rows - one.used:,}", *one.reasons[:6]])
        lines.append(
            _line(one.name, one.read, f"{one.rows:,}", f"{one.used:,}", aside, score, measured, f"{one.seconds:.0f}")
        )
    lines += [
        "",
        "Held-out log loss of the candidate, and its difference to each baseline (below 0: the candidate is better; 95 % interval,",
        "paired by deal). A difference is in bold where the candidate is clearly worse: its whole interval is above 0.",
        "",
        f"| file | cut | target | candidate | {' | '.join(rung.replace('_', ' ') for rung in BASELINES)} |",
        f"|---|---|---|---:|{'---|' * len(BASELINES)}",
    ]
    for one in found:
        for row in one.measured:
            gaps = [_gap(row["against"][rung]) for rung in BASELINES]
            lines.append(_line(one.name, row["cut"], row["target"], f"{row['candidate']:.4f}", *gaps))
    worse = sum(gap["low"] > 0 for one in found for row in one.measured for gap in row["against"].values())
    count = sum(len(row["against"]) for one in found for row in one.measured)
    lines += ["", f"Of {count} comparisons the candidate is clearly worse in {worse}.", ""]
    lines += ["What is served when nothing was before, by cut:", ""]
    lines += [f"- {one.name}, {said}" for one in found for said in one.served]
    return "\n".join(lines) + "\n"


def _targets(found: Found) -> list[str]:
    """The targets measured, each with the number of cuts."""
    counts = Counter(row["target"] for row in found.measured)
    return [f"{target} at {count} cut{'s' if count > 1 else ''}" for target, count in counts.items()]


def _gap(gap: dict[str, float]) -> str:
    value = f"**{gap['value']:+.4f}**" if gap["low"] > 0 else f"{gap['value']:+.4f}"
    return f"{value} ({gap['low']:+.4f} to {gap['high']:+.4f})"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def main(given: list[str]) -> int:
    """Look at each file and write the page."""
    wanted = arguments.read(
        given,
        folder=arguments.text("", "a folder of exports"),
        mappings=arguments.text("", "a folder of mapping files"),
        cuts=arguments.whole(1, most=len(_SHARES)),
    )
    folder = Path(wanted["folder"])
    if not wanted["folder"] or not folder.is_dir():
        raise OperatorError(f"{wanted['folder']!r} is no folder", "name the exports: just bench exports folder=<path>")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    found = []
    for path in files:
        mapping = Path(wanted["mappings"] or folder) / f"{path.stem}.mapping.yaml"
        found.append(look_at(path, mapping, wanted["cuts"], processors.usable()))
        print(
            f"{path.name}: {found[-1].seconds:.0f} s, {found[-1].refused or found[-1].shortfalls or found[-1].served}",
            flush=True,
        )
        _PAGE.write_text(page(found, wanted["cuts"]))
    return 0


if __name__ == "__main__":
    arguments.run(main)
