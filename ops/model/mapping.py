"""The mapping of a CRM's columns: read from the user's file, and the platform's own."""

import json
from pathlib import Path, PurePosixPath

import msgspec
from rich.console import Console
from rich.table import Table

from closecast.deals.mapping import document
from closecast.deals.mapping.proposal import Proposal, propose
from closecast.deals.reading.table import RawTable
from closecast.platform.settings import MAPPING_VARIABLE
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import read_raw
from ops.cli.arguments import SOURCES, Arguments
from ops.cli.cells import cell
from ops.errors import OperatorError
from ops.model.source import parse_source
from ops.paths import named_by_user
from ops.prefect.pipeline import Prefect

_CONSOLE = Console(soft_wrap=True, width=140)
_LONGEST = 4_900  # characters; Prefect's variables hold 5,000


def read_mapping(named: str | None) -> str | None:
    """The text of the mapping file `named`, which has been checked; None stays None.

    A relative path counts from the folder the user typed the command in. Raises OperatorError.
    """
    if named is None:
        return None
    path = named_by_user(named)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            f"the mapping file {path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}",
            "write one with `just map file:<path of the export>`",
        ) from error
    # Comments and line breaks are left out, so that long mappings fit into a variable of Prefect's.
    text = document.write(parsed(text, str(path)))
    if len(text) > _LONGEST:
        raise OperatorError(
            f"the mapping file {path} has {len(text):,} characters, and at most {_LONGEST:,} are kept",
            "leave out the stages that the export does not have",
        )
    return text


def parsed(text: str, what: str) -> document.Mapping:
    """The mapping in `text`. Raises OperatorError."""
    try:
        return document.parse(text)
    except document.MappingError as error:
        raise OperatorError(f"{what}: {error}", "mend what it names; docs/mapping.md describes the file") from error


def chosen_mapping(named: str | None) -> document.Mapping | None:
    """The mapping in the file `named`; None stays None. Raises OperatorError."""
    text = read_mapping(named)
    return None if text is None else document.parse(text)


def propose_mapping(arguments: list[str]) -> int:
    """Propose a mapping for an export, show what speaks for it, and write it to a file; exit status 2 where it asks."""
    wanted = Arguments("map", propose_mapping.__doc__).place("source", SOURCES, "?")
    wanted.option("out", str, "the file to write; <name of the export>.mapping.yaml unless named", value="file")
    wanted.option("schema", str, "write the JSON schema of mapping files there, for editors", value="file")
    given = wanted.given(arguments)
    if given.schema:
        _write(named_by_user(given.schema), json.dumps(document.schema(), indent=1))
    if given.source:
        return _propose(parse_source(given.source) or given.source, given.out)
    if not given.schema:
        raise OperatorError("no export is named", "name one: just map file:<path>")
    return 0


def _propose(source: str, out: str | None) -> int:
    try:
        table, _, _ = read_raw(source)
    except SourceError as error:
        raise OperatorError(str(error), "mend what it names, or name another export") from error
    proposal = propose(table)
    _show(table, proposal)
    path = named_by_user(out or f"{PurePosixPath(source.partition(':')[2]).stem}.mapping.yaml")
    _write(path, _document(proposal))
    if proposal.is_certain:
        print("nothing is to be asked: the export is read this way without the file, too")
        return 0
    print("answer where it has a question mark, then name it with --mapping")
    return 2


def _write(path: Path, text: str) -> None:
    """Write a new file. Raises OperatorError where there is one, or none can be."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise OperatorError(f"there is a file {path} already", "move it away, or name another") from error
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}", "name another file") from error
    print(f"\nwritten to {path}")


def _show(table: RawTable, proposal: Proposal) -> None:
    print(table.describe())
    shown = Table("used as", "column", "sure", "for example", box=None, pad_edge=False)
    for row in proposal.rows:
        column = "-" if row.column is None else cell(row.column)
        shown.add_row(
            row.use, column, f"{row.confidence:.0%}" if row.column else "", cell(", ".join(row.examples)[:60])
        )
    _CONSOLE.print(shown)
    stages: dict[str, str] = proposal.document["stages"]
    print("stages: " + ("; ".join(f"{cell(stage)} is {meaning}" for stage, meaning in stages.items()) or "none"))
    for question in proposal.questions:
        print(f"? {cell(question.text)}")


def _document(proposal: Proposal) -> str:
    asked = "".join(f"# ? {' '.join(question.text.split())}\n" for question in proposal.questions)
    return f"# A mapping for Closecast; docs/mapping.md describes it.\n{asked}{msgspec.yaml.encode(proposal.draft()).decode()}"


def own_mapping(prefect: Prefect) -> str | None:
    """The text of the platform's mapping; None where its source needs none."""
    return prefect.variable(MAPPING_VARIABLE) or None


def set_own_mapping(prefect: Prefect, text: str | None) -> None:
    """Make `text` the platform's mapping, with which its own source is read from now on."""
    if own_mapping(prefect) != text:
        prefect.set_variable(MAPPING_VARIABLE, text or "")
