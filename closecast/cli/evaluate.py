"""`evaluate`: measure a candidate against the baselines and the gate on any source and cut, without a platform."""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from closecast.cli import held_out
from closecast.cli.arguments import SOURCES, Arguments, day, month, number
from closecast.cli.errors import CommandError
from closecast.cli.files import named_by_user, write_json
from closecast.cli.mapping import chosen_mapping
from closecast.cli.source import parse_source
from closecast.deals import contract, quality
from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.deals.pseudonyms import throwaway
from closecast.models import candidate as candidates
from closecast.models import tuning
from closecast.models.data import Data, NotEnoughDataError
from closecast.models.evaluation import measured_on
from closecast.models.hyperparameters import Hyperparameters
from closecast.platform.measuring import judge_alone
from closecast.platform.runtime import processors
from closecast.platform.sources.export import SourceError, read_source
from closecast.platform.sources.inspection import shortfalls

_CONSOLE = Console(soft_wrap=True, width=140)


def evaluate(arguments: list[str], program: str = "closecast", say: Callable[[str], None] = print) -> int:
    """Measure, print the baselines and the gate's verdict, and write every figure.

    Exit status 2 when the gate refuses. `say` prints a line of progress.
    """
    wanted = parsed(arguments, program)
    source = parse_source(wanted.source) or wanted.source
    with _spoken():
        export = read_source(source, wanted.seed, mapping=chosen_mapping(wanted, source), pseudonyms=throwaway())
        checked = contract.check(export.frame, wanted.as_of)
        found = quality.assess(export.frame, checked)
    if export.describe():
        say(f"{export.name}: {export.describe()}")
    say(f"{export.name}: {checked.summary()}; quality {found.score:.3f}")
    for reason in shortfalls(checked, found):
        say(f"training would refuse this export: {reason}")
    reports: list[dict[str, Any]] = []
    rows: list[pd.DataFrame] = []
    for cut in wanted.cut or [None]:
        begin = time.monotonic()
        with _spoken():
            report, held = _report(checked, cut, wanted)
        reports.append(report)
        rows.append(held)
        _print(report)
        say(f"cut {report['plan']['cut']} measured in {time.monotonic() - begin:.1f} s")
    if wanted.json:
        content = {"source": export.name, "sha256": export.sha256, "quality": found.as_dict(), "evaluations": reports}
        path = write_json(wanted.json, content, "json")
        say(f"every figure is in {path}")
    if wanted.rows:
        path = named_by_user(wanted.rows)
        held_out.write(rows, path)
        say(f"every held-out row is in {path}")
    return 0 if all(report["decision"]["promoted"] for report in reports) else 2


def _report(
    checked: contract.CheckedDeals, cut: date | None, wanted: argparse.Namespace
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The figures of one cut, and its held-out rows."""
    threads = processors.usable()
    settings: Hyperparameters | None = None
    tried = 0
    if wanted.trials:
        data = Data(checked.accepted, cut, wanted.fiscal_year_start)
        objective = tuning.Objective(data, data.plan.cut, wanted.seed, threads)
        study = tuning.create("evaluate", None, wanted.seed, tuning.Scope("of this run", data.plan.cut))
        tuning.work(study, objective, wanted.trials)
        settings, tried = tuning.best(study), tuning.finished(study)
    candidate = candidates.build(checked.accepted, wanted.seed, threads, settings, cut, wanted.fiscal_year_start)
    return {**judge_alone(candidate).report, "trials": tried}, held_out.table(candidate)


def _print(report: dict[str, Any]) -> None:
    for target, found in report["targets"].items():
        title = f"{target.replace('_', ' ')}, cut {report['plan']['cut']}: {found['rows_train']:,} and {found['rows_test']:,} rows"
        title += f", {sampled}" if (sampled := measured_on(found)) else ""
        table = Table(
            "model",
            "log loss",
            "95 %",
            "ROC AUC",
            "average precision",
            "Brier skill",
            "ECE",
            "live: log loss",
            "live: ROC AUC",
            title=title,
            title_justify="left",
            box=None,
            pad_edge=False,
        )
        live = found["ladder"]["live"]["rungs"]
        for baseline, one in found["ladder"]["all"]["rungs"].items():
            cells = (
                one["log_loss"]["value"],
                one["auc"]["value"],
                one["average_precision"]["value"],
                one["brier_skill"]["value"],
                one["ece"]["value"],
            )
            numbers = [f"{value:.4f}" for value in cells]
            interval = f"{one['log_loss']['low']:.4f} to {one['log_loss']['high']:.4f}"
            alive = (
                [f"{live[baseline][name]['value']:.4f}" for name in ("log_loss", "auc")]
                if baseline in live
                else ["", ""]
            )
            table.add_row(baseline.replace("_", " "), numbers[0], interval, *numbers[1:], *alive)
        _CONSOLE.print(table)
    print_verdict(report)


def print_verdict(report: dict[str, Any]) -> None:
    """Print what the gate says of the candidate, and where it refuses it, of its baseline."""
    verdict = "would promote" if report["decision"]["promoted"] else "would refuse"
    print(f"the gate {verdict} it:")
    for check in report["decision"]["checks"]:
        print(f"  {'✓' if check['passed'] else '✗'} {check['sentence']}")
    if "baseline" in report:
        verdict = "would serve" if report["serves"] else "would be refused too"
        print(f"where no model serves yet, the baseline (age and calendar alone) {verdict}:")
        for check in report["baseline"]["decision"]["checks"]:
            print(f"  {'✓' if check['passed'] else '✗'} {check['sentence']}")


def _calendar(text: str) -> FiscalCalendar:
    return FiscalCalendar(month(text))


def parsed(arguments: list[str], program: str) -> argparse.Namespace:
    """The parsed arguments of `evaluate`. Raises CommandError."""
    wanted = (
        Arguments(program, "evaluate", evaluate.__doc__).option("source", str, SOURCES, default="synthetic").mapping()
    )
    wanted.add_argument(
        "--cut", type=day, action="append", metavar="<date>", help="held out from this date on; may be repeated"
    )
    wanted.as_of()
    wanted.option(
        "fiscal-year-start", _calendar, "the month with which the fiscal year begins (default: 1)", CALENDAR_YEAR
    )
    wanted.option("json", str, "a file to write every figure to", value="file")
    wanted.option("rows", str, "a Parquet file to write the held-out rows and their predictions to", value="file")
    wanted.option("trials", number(0, 10_000), "number of settings to search first (default: none)", default=0)
    return wanted.option("seed", number(0, 2**31 - 1), "random seed (default: 7)", default=7).given(arguments)


@contextmanager
def _spoken() -> Iterator[None]:
    """Turn errors about the user's data into one CommandError."""
    try:
        yield
    except (SourceError, contract.ContractError, NotEnoughDataError) as error:
        raise CommandError(str(error), "correct what it names, or name another --source, --cut or --as-of") from error
