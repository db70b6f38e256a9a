"""`predict`: rank the open deals of an export, with a model in a folder; and what the command of that name in a clone shares."""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from closecast.cli.arguments import Arguments, day
from closecast.cli.cells import cell
from closecast.cli.errors import CommandError
from closecast.cli.files import named_by_user, write_json
from closecast.cli.mapping import chosen_mapping
from closecast.models.deal_model import DealModel
from closecast.models.manifest import ModelError
from closecast.platform.printable import printable
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.mapped import DETECTED, check_size, mapped, read_table
from closecast.scoring import many
from closecast.scoring.pyfunc import left_by_loading
from closecast.scoring.question import Question, read_horizon
from closecast.scoring.rules import NotScorableError
from closecast.scoring.tables import read_frame

_CONSOLE = Console(soft_wrap=True)
_SHOWN = 50
_NAMES = ("opportunity_id", "sales_agent", "product", "account", "engage_date")


def predict(arguments: list[str], program: str = "closecast") -> int:
    """Score the open deals of an export with a model in a folder, and print them ranked. Use only a model that you trust."""
    wanted = options(program, predict.__doc__)
    wanted.add_argument(
        "--model", required=True, metavar="<folder>", help="of the model: as `train` or MLflow's download wrote it"
    )
    given = wanted.given(arguments)
    model = _loaded(named_by_user(given.model))
    deals = deals_of(given)
    try:
        question = Question.ask(model, given.as_of, read_horizon(given.horizon or "quarter_end"))
    except NotScorableError as error:
        raise CommandError(str(error), f"name another date or horizon; `{program} predict --help`") from error
    print(f"chance to be won by {question.by:%-d %B %Y}, as of {question.as_of:%-d %B %Y}:")
    return show(answers(model, deals, question), given.out)


def options(program: str, does: str | None) -> Arguments:
    """The arguments of `<program> predict`: a file, its mapping, the question, and where to write the answers."""
    wanted = Arguments(program, "predict", does).place("file", "an export of the CRM").mapping()
    wanted.option("as-of", day, "the as-of date, YYYY-MM-DD (default: the last date of the model's data)", value="date")
    wanted.option("horizon", str, "days, or quarter_end (default)", value="days")
    return wanted.option("out", str, "a JSON file to keep the answers in", value="file")


def deals_of(given: argparse.Namespace) -> pd.DataFrame:
    """The deals of the named file in the contract's columns, text; a file that has some of them itself is taken as it is.

    Raises CommandError.
    """
    path = named_by_user(given.file)
    if not path.is_file():
        raise CommandError(
            f"there is no file {path}", "check the path; a relative one counts from the folder you are in"
        )
    mapping = chosen_mapping(given, f"file:{path}")
    try:
        check_size(path.stat().st_size, str(path))
        table = read_table(path.read_bytes(), str(path), mapping.file if mapping else DETECTED)
        if mapping is None and "engage_date" in table.frame:
            deals = table.frame
        else:
            deals = mapped(table, str(path), mapping).frame
    except (SourceError, OSError) as error:
        raise CommandError(str(error), "mend what it names; the command `map` helps with columns and stages") from error
    if deals.empty:
        raise CommandError(f"{path} has a header and no deals", "export at least one open deal")
    return deals


def answers(model: DealModel, deals: pd.DataFrame, question: Question) -> list[dict[str, Any]]:
    """One for each deal, as the API writes them: its names and "probability", or "error" with the reason in "detail"."""
    checked, probabilities = many.score(model, read_frame(deals), question)
    chances = dict(zip(checked.rows.tolist(), probabilities.tolist(), strict=True))
    refused = checked.refused.by_row()
    found = []
    for row, deal in enumerate(deals.to_dict("records")):
        named = {"row": row, **{name: deal[name] for name in _NAMES if deal.get(name)}}
        said = {"probability": chances[row]} if row in chances else {"error": {"detail": str(refused[row])}}
        found.append({**named, **said})
    return found


def show(answers: list[dict[str, Any]], out: str | None) -> int:
    """Print answers ranked and the reasons of refusals, and write them to the file `out`; exit status 1 if all are refused."""
    if out is not None:
        write_json(out, answers, "out", indent=2)
    scored = sorted((one for one in answers if "probability" in one), key=lambda one: -one["probability"])
    print_table(scored[:_SHOWN])
    refused = [one for one in answers if "error" in one]
    more = f", the first {_SHOWN} shown" if len(scored) > _SHOWN else ""
    print(f"\n{len(scored)} deals scored, {len(refused)} not{more}")
    for reason, count in sorted(_reasons(refused).items(), key=lambda entry: -entry[1]):
        print(f"  {count} of them: {printable(reason)}")
    return 0 if scored else 1


def print_table(deals: list[dict[str, Any]]) -> None:
    """Print ranked deals, most likely first."""
    table = Table("deal", "chance", "agent", "product", "account", "open since", box=None, pad_edge=False)
    for deal in deals:
        names = ("sales_agent", "product", "account", "engage_date")
        table.add_row(
            cell(deal.get("opportunity_id") or ""),
            f"{deal['probability']:.1%}",
            *[cell(deal.get(name) or "") for name in names],
        )
    _CONSOLE.print(table)


def _loaded(folder: Path) -> DealModel:
    """The model in `folder`, with a remark if it answers otherwise here than where it was trained. Raises CommandError."""
    if not folder.is_dir():
        raise CommandError(f"there is no folder {folder}", "name the folder of a model: the command `train` writes one")
    try:
        model = DealModel.load(folder, besides=left_by_loading)
    except ModelError as error:
        raise CommandError(str(error), "name the folder of an intact model, or train a new one") from error
    if model.card.pseudonymised:
        raise CommandError(
            f"the model knows {', '.join(model.card.pseudonymised)} by pseudonyms, and only its platform has their key",
            "predict there",
        )
    try:
        model.replay(folder)
    except ModelError as error:
        print(f"answers may differ in their last digits from those of the machine that trained the model: {error}")
    return model


def _reasons(refused: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in refused:
        reason = str(one["error"].get("detail") or one["error"].get("title"))
        counts[reason] = counts.get(reason, 0) + 1
    return counts
