"""The mapping of a CRM's columns: proposed, and read from the user's file."""

import argparse
import json
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from closecast.cli.arguments import SOURCES, Arguments
from closecast.cli.cells import cell
from closecast.cli.errors import CommandError
from closecast.cli.files import named_by_user
from closecast.cli.source import parse_source
from closecast.deals.mapping import document
from closecast.deals.mapping.proposal import Proposal, propose
from closecast.deals.reading.table import RawTable
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import read_raw
from closecast.platform.sources.mapped import questions

_CONSOLE = Console(soft_wrap=True, width=140)
_OF_FILE = ("encoding", "delimiter", "sheet")
_LONGEST = 4_900  # characters; Prefect's variables hold 5,000


def read_mapping(named: str | None) -> str | None:
    """The text of the mapping file `named`, which has been checked; None stays None.

    A relative path counts from the folder the user typed the command in. Raises CommandError.
    """
    if named is None:
        return None
    path = named_by_user(named)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"the mapping file {path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}",
            "the command `map` writes one",
        ) from error
    # Comments and line breaks are left out, so that long mappings fit into a variable of Prefect's.
    text = document.write(parsed(text, str(path)))
    if len(text) > _LONGEST:
        raise CommandError(
            f"the mapping file {path} has {len(text):,} characters, and at most {_LONGEST:,} are kept",
            "leave out the stages that the export does not have",
        )
    return text


def parsed(text: str, what: str) -> document.Mapping:
    """The mapping in `text`. Raises CommandError."""
    try:
        return document.parse(text)
    except document.MappingError as error:
        raise CommandError(f"{what}: {error}", "mend what it names; docs/mapping.md describes the file") from error


def mapping_text(given: argparse.Namespace, source: str | None) -> str | None:
    """The text of the mapping that the options of `Arguments.mapping` ask for; None where they ask for none.

    Corrections without a file apply to the mapping that fits `source` with certainty. Raises CommandError.
    """
    text, said = read_mapping(given.mapping), corrections(given)
    if not said:
        return text
    if text is None and source is None:
        raise CommandError(
            f"--{' and --'.join(_said(given))}: of which export?", "name it with --source, or give a --mapping"
        )
    content: dict[str, Any] = msgspec.yaml.decode(text) if text else _certain(str(source), said)
    return document.write(parsed(_corrected(content, said), "the options"))


def chosen_mapping(given: argparse.Namespace, source: str | None) -> document.Mapping | None:
    """The mapping of `mapping_text`, parsed."""
    text = mapping_text(given, source)
    return None if text is None else document.parse(text)


def corrections(given: argparse.Namespace) -> dict[str, Any]:
    """What the options of `Arguments.corrections` say, as members of a mapping document."""
    found: dict[str, Any] = {"timezone": given.timezone} if given.timezone else {}
    written = {name: getattr(given, name) for name in _OF_FILE if getattr(given, name)}
    return {**found, "file": written} if written else found


def _said(given: argparse.Namespace) -> list[str]:
    return [name for name in ("timezone", *_OF_FILE) if getattr(given, name)]


def _corrected(content: dict[str, Any], said: dict[str, Any]) -> str:
    files = {**content.get("file", {}), **said.get("file", {})}
    return msgspec.yaml.encode({**content, **said, **({"file": files} if files else {})}).decode()


def _certain(source: str, said: dict[str, Any]) -> dict[str, Any]:
    """The document of the mapping that fits `source`, written as is `said`. Raises CommandError where that asks."""
    try:
        table, what, _ = read_raw(source, written=_format(said))
    except SourceError as error:
        raise CommandError(str(error), "mend what it names, or name another export") from error
    proposal = propose(table)
    if not proposal.is_certain:
        raise CommandError(
            questions(what, [one.text for one in proposal.questions]), "write a mapping by the command `map`"
        )
    return proposal.document


def _format(said: dict[str, Any]) -> document.FileFormat:
    return document.FileFormat(**said.get("file", {}))


def propose_mapping(arguments: list[str], program: str = "closecast") -> int:
    """Propose a mapping for an export, show what speaks for it, and write it to a file; exit status 2 where it asks."""
    wanted = Arguments(program, "map", propose_mapping.__doc__).place("source", SOURCES, "?")
    wanted.corrections()
    wanted.option("out", str, "the file to write; <name of the export>.mapping.yaml unless named", value="file")
    wanted.option("schema", str, "write the JSON schema of mapping files there, for editors", value="file")
    given = wanted.given(arguments)
    if given.schema:
        _write(named_by_user(given.schema), json.dumps(document.schema(), indent=1))
    if given.source:
        return _propose(parse_source(given.source) or given.source, given.out, corrections(given))
    if not given.schema:
        raise CommandError("no export is named", f"name one: {program} map file:<path>")
    return 0


def _propose(source: str, out: str | None, said: dict[str, Any]) -> int:
    try:
        table, _, _ = read_raw(source, written=_format(said))
    except SourceError as error:
        raise CommandError(str(error), "mend what it names, or name another export") from error
    proposal = propose(table)
    _show(table, proposal)
    path = named_by_user(out or f"{PurePosixPath(source.partition(':')[2]).stem}.mapping.yaml")
    _write(path, _document(proposal, said))
    if proposal.is_certain and not said:
        print("nothing is to be asked: the export is read this way without the file, too")
        return 0
    if proposal.is_certain:
        print("nothing is to be asked: name it with --mapping")
        return 0
    print("answer where it has a question mark, then name it with --mapping")
    return 2


def _write(path: Path, text: str) -> None:
    """Write a new file. Raises CommandError where there is one, or none can be."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise CommandError(f"there is a file {path} already", "move it away, or name another") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}", "name another file") from error
    print(f"\nwritten to {path}")


def _show(table: RawTable, proposal: Proposal) -> None:
    history: dict[str, str] = proposal.document.get("history", {})
    print(table.without(history.get("file", "")).describe())
    shown = Table("used as", "column", "sure", "for example", box=None, pad_edge=False)
    for row in proposal.rows:
        column = "-" if row.column is None else cell(row.column)
        shown.add_row(
            row.use, column, f"{row.confidence:.0%}" if row.column else "", cell(", ".join(row.examples)[:60])
        )
    _CONSOLE.print(shown)
    stages: dict[str, str] = proposal.document["stages"]
    print("stages: " + ("; ".join(f"{cell(stage)} is {meaning}" for stage, meaning in stages.items()) or "none"))
    if history:
        print("stage history: " + ", ".join(f"{use} is {cell(name)}" for use, name in history.items()))
    for question in proposal.questions:
        print(f"? {cell(question.text)}")


def _document(proposal: Proposal, said: dict[str, Any]) -> str:
    asked = "".join(f"# ? {' '.join(question.text.split())}\n" for question in proposal.questions)
    return f"# A mapping for Closecast; docs/mapping.md describes it.\n{asked}{_corrected(proposal.draft(), said)}"
