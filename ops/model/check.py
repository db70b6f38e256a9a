"""`check`: what Closecast makes of an export, in plain words, with nothing running and nothing kept."""

import argparse
from collections import Counter
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.table import Table

from closecast.deals import contract, quality
from closecast.deals.eda.leaks import column_probes
from closecast.deals.mapping.special import special_deals
from closecast.features.history import ENTITIES
from closecast.models.evidence import Export, odd_dates
from closecast.models.training import Data, NotEnoughDataError
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import RawExport, read_source
from ops.cli.arguments import SOURCES, Arguments, day
from ops.cli.cells import cell
from ops.cli.json_file import write_json
from ops.errors import OperatorError
from ops.model.mapping import chosen_mapping
from ops.model.source import parse_source

_CONSOLE = Console(soft_wrap=True, width=140)


def check(arguments: list[str]) -> int:
    """Say what is read of an export, what is set aside and why, and whether a model can be trained; exit status 2 if not."""
    wanted = parsed(arguments)
    source = parse_source(wanted.source) or wanted.source
    try:
        export = read_source(source, mapping=chosen_mapping(wanted, source))
        checked = contract.check(export.frame, wanted.as_of)
    except (SourceError, contract.ContractError) as error:
        raise OperatorError(str(error), "mend what it names; `just map` helps with columns and stages") from error
    found = _findings(export, checked)
    _print(found)
    if wanted.json:
        write_json(wanted.json, found, "json")
    return 2 if found["shortfalls"] else 0


def parsed(arguments: list[str]) -> argparse.Namespace:
    wanted = Arguments("check", check.__doc__).place("source", SOURCES).mapping()
    wanted.option("as-of", day, "the date of the export, YYYY-MM-DD: rows with later dates are set aside", value="date")
    return wanted.option("json", str, "a file to write the findings to", value="file").given(arguments)


def _findings(export: RawExport, checked: contract.CheckedDeals) -> dict[str, Any]:
    score = quality.assess(export.frame, checked)
    aside: Counter[str] = Counter(one.reason for one in export.read.set_aside) if export.read else Counter()
    rejected: Counter[str] = Counter(
        reason for reasons in checked.rejected.get("reasons", []) for reason in str(reasons).split("; ")
    )
    return {
        "source": export.name,
        "read": export.describe(),
        "mapping": export.read.mapping.columns.used() if export.read and export.read.mapping else {},
        "rows": {
            "in": len(export.frame) + export.set_aside,
            "used": len(checked.accepted),
            "rejected": dict(rejected.most_common()),
            "set aside": dict(aside.most_common()),
        },
        "stages": {str(stage): int(count) for stage, count in checked.accepted["deal_stage"].value_counts().items()},
        "quality": score.as_dict(),
        "noticed": _noticed(export, checked, rejected),
        "leaks": _leaks(export),
        "shortfalls": shortfalls(checked, score),
    }


def _noticed(export: RawExport, checked: contract.CheckedDeals, rejected: Counter[str]) -> list[str]:
    """What is odd or special about the deals, each in a sentence that says what may have happened or is done about it."""
    found = []
    early = rejected["close_date is before engage_date"]
    if early:
        found.append(
            f"deals that close before they were created: {early:,}; an import sets the creation date to the day of the import; "
            "export the date on which the deal began, if the CRM has it in another column"
        )
    if export.read is not None:
        raw = export.read.table.frame.loc[export.read.rows]
        found += [one.sentence for one in special_deals(raw, export.read.mapping, checked.accepted)]
    with suppress(NotEnoughDataError):  # which is told as a shortfall
        found += odd_dates(Data(checked.accepted))
    return found


def _leaks(export: RawExport) -> list[dict[str, Any]]:
    """Columns of the file as it was read that tell won from lost deals by themselves."""
    if export.read is None:
        return []
    raw = export.read.table.frame.loc[export.read.rows].reset_index(drop=True)
    stage = export.frame["deal_stage"]
    closed = stage.isin(["Won", "Lost"])
    probes = column_probes(raw, (stage == "Won")[closed])
    return [{"column": one.column, "auc": round(one.auc or 0.0, 3), "why": one.why} for one in probes if one.flagged]


def shortfalls(checked: contract.CheckedDeals, score: quality.Quality) -> list[str]:
    """Why no model can be trained, each reason in a sentence."""
    found = []
    try:
        quality.require(score)
    except quality.QualityError as error:
        found.append(str(error))
    try:
        found += Export.of(Data(checked.accepted)).shortfalls().values()
    except NotEnoughDataError as error:
        found.append(str(error))
    return found


def _print_leaks(leaks: list[dict[str, Any]], mapping: dict[str, str]) -> None:
    features = [leak for leak in leaks if mapping.get(leak["column"], "" if mapping else leak["column"]) in ENTITIES]
    others = [f"{cell(leak['column'])} ({leak['auc']:.2f})" for leak in leaks if leak not in features]
    if others:
        print(f"these columns alone tell won from lost deals (ROC AUC), and none is a feature: {', '.join(others)}")
    for leak in features:
        print(
            f"{cell(leak['column'])} is a feature, and alone tells won from lost deals (ROC AUC {leak['auc']:.2f}): export "
            "the value that a deal had while it was open"
        )


def _print(found: dict[str, Any]) -> None:
    rows = found["rows"]
    print(f"{found['source']}: {found['read'] or 'made-up data'}")
    if found["mapping"]:
        table = Table("column", "used as", box=None, pad_edge=False)
        for column, use in found["mapping"].items():
            table.add_row(cell(column), use)
        _CONSOLE.print(table)
    print(f"\n{rows['in']:,} rows in: {rows['used']:,} used, {rows['in'] - rows['used']:,} not")
    for reason, count in {**rows["rejected"], **rows["set aside"]}.items():
        print(f"  {count:,} x {reason}")
    print("stages: " + ", ".join(f"{count:,} {stage}" for stage, count in found["stages"].items()))
    parts = ", ".join(f"{name} {value:.3f}" for name, value in found["quality"].items() if name != "score")
    print(f"quality {found['quality']['score']:.3f} ({parts})")
    for sentence in found["noticed"]:
        print(f"noticed: {cell(sentence)}")
    _print_leaks(found["leaks"], found["mapping"])
    if not found["shortfalls"]:
        print("a model can be trained on it; whether it is better than what serves, `just evaluate` says")
    for reason in found["shortfalls"]:
        print(f"no model can be trained: {reason}")
