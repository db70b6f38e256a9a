"""`check`: what Closecast makes of an export, in plain words, with nothing running and nothing kept."""

import argparse

import msgspec
from rich.console import Console
from rich.table import Table

from closecast.cli.arguments import SOURCES, Arguments
from closecast.cli.cells import cell
from closecast.cli.errors import CommandError
from closecast.cli.files import write_json
from closecast.cli.mapping import chosen_mapping
from closecast.cli.source import parse_source
from closecast.deals import contract
from closecast.deals.pseudonyms import throwaway
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import read_source
from closecast.platform.sources.findings import Findings, Leak
from closecast.platform.sources.inspection import findings

_CONSOLE = Console(soft_wrap=True, width=140)


def check(arguments: list[str], program: str = "closecast") -> int:
    """Say what is read of an export, what is set aside and why, and whether a model can be trained; exit status 2 if not."""
    wanted = parsed(arguments, program)
    source = parse_source(wanted.source) or wanted.source
    try:
        export = read_source(source, mapping=chosen_mapping(wanted, source), pseudonyms=throwaway())
        checked = contract.check(export.frame, wanted.as_of)
    except (SourceError, contract.ContractError) as error:
        raise CommandError(str(error), "mend what it names; the command `map` helps with columns and stages") from error
    found = findings(export, checked)
    _print(found)
    if wanted.json:
        write_json(wanted.json, msgspec.to_builtins(found), "json")
    return 2 if found.shortfalls else 0


def parsed(arguments: list[str], program: str) -> argparse.Namespace:
    """The parsed arguments of `check`. Raises CommandError."""
    wanted = Arguments(program, "check", check.__doc__).place("source", SOURCES).mapping().as_of()
    return wanted.option("json", str, "a file to write the findings to", value="file").given(arguments)


def _print_leaks(leaks: list[Leak]) -> None:
    others = [f"{cell(leak.column)} ({leak.auc:.2f})" for leak in leaks if not leak.is_feature]
    if others:
        print(f"these columns alone tell won from lost deals (ROC AUC), and none is a feature: {', '.join(others)}")
    for leak in leaks:
        if leak.is_feature:
            print(
                f"{cell(leak.column)} is a feature, and alone tells won from lost deals (ROC AUC {leak.auc:.2f}): export "
                "the value that a deal had while it was open"
            )


def _print(found: Findings) -> None:
    rows = found.rows
    print(f"{found.source}: {found.read or 'made-up data'}")
    for clause in found.decided:
        print(f"  {clause}")
    if found.mapping:
        table = Table("column", "used as", box=None, pad_edge=False)
        for column, use in found.mapping.items():
            table.add_row(cell(column), use)
        _CONSOLE.print(table)
    print(f"\n{rows.came_in:,} rows in: {rows.used:,} used, {rows.came_in - rows.used:,} not")
    for reason, count in {**rows.rejected, **rows.set_aside}.items():
        print(f"  {count:,} x {cell(reason)}")
    print("stages: " + ", ".join(f"{count:,} {stage}" for stage, count in found.stages.items()))
    parts = ", ".join(f"{name} {value:.3f}" for name, value in found.quality.items() if name != "score")
    print(f"quality {found.quality['score']:.3f} ({parts})")
    for sentence in found.noticed:
        print(f"noticed: {cell(sentence)}")
    _print_leaks(found.leaks)
    print(found.serves)
    for reason in found.shortfalls:
        print(f"no model can be trained: {cell(reason)}")
