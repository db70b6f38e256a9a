"""Reads the model of the architecture: the part of Structurizr's language that docs/architecture.dsl uses.

One statement stands on each line. What the whole language allows is checked where the pictures are drawn, by
Structurizr's own parser.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ops.errors import OperatorError
from ops.paths import PROJECT

MODEL = PROJECT / "docs" / "architecture.dsl"
VIEWS = {"systemContext", "container", "component", "dynamic", "deployment"}
_WORD = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(eq=False)
class Element:
    """A container, a component, a deployment node, a group, or what else is named or has a block of its own."""

    kind: str
    words: tuple[str, ...]  # name, description, technology, tags; or what it is an instance of
    identifier: str | None
    parent: "Element | None"
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name; of an instance, the identifier of what it is an instance of."""
        return self.words[0] if self.words else ""

    def within(self) -> Iterator["Element"]:
        """What contains it, from the inside out."""
        if self.parent is not None:
            yield self.parent
            yield from self.parent.within()


@dataclass(frozen=True)
class Relationship:
    """`source -> target`, by their identifiers, with its technology if it has one."""

    source: str
    target: str
    technology: str


@dataclass(frozen=True)
class Model:
    """Elements and relationships of the model, the keys of its views, and the files it is written in."""

    elements: tuple[Element, ...]
    relationships: tuple[Relationship, ...]
    views: tuple[str, ...]
    files: tuple[Path, ...]

    def of(self, kind: str) -> list[Element]:
        """The elements of one kind, such as container."""
        return [one for one in self.elements if one.kind == kind]

    def known(self, identifier: str) -> Element:
        """The element with this identifier. Raises KeyError."""
        return {one.identifier: one for one in self.elements if one.identifier}[identifier]


def read(file: Path = MODEL) -> Model:
    """Read the model. Raises OperatorError when a block does not end, or ends twice, or an included file is missing."""
    elements: list[Element] = []
    relationships: list[Relationship] = []
    views: list[str] = []
    files: list[Path] = []
    at: Element | None = None
    for words, where in _statements(file, files):
        if words == ["}"]:
            if at is None:
                raise OperatorError(f"{where}: this block was never opened", "delete the brace, or open the block")
            at = at.parent
            continue
        opens = words[-1] == "{"
        words = words[:-1] if opens else words
        if at is not None and at.kind == "properties" and at.parent is not None:
            at.parent.properties[words[0]] = words[1]
            continue
        in_views = at is not None and any(one.kind == "views" for one in (at, *at.within()))
        if not in_views and words[1:2] == ["->"]:
            relationships.append(Relationship(words[0], words[2], words[4] if len(words) > 4 else ""))
            continue
        identifier, words = (words[0], words[2:]) if words[1:2] == ["="] else (None, words)
        one = Element(words[0], tuple(words[1:]), identifier, at)
        if in_views and one.kind in VIEWS:
            views.append(words[3] if one.kind == "deployment" else words[2])
        elif not in_views and one.kind != "properties":
            elements.append(one)
        at = one if opens else at
    if at is not None:
        raise OperatorError(f"{file.name}: the block `{at.kind} {at.name}` does not end", "close it with a brace")
    return Model(tuple(elements), tuple(relationships), tuple(views), tuple(files))


def _statements(file: Path, files: list[Path]) -> Iterator[tuple[list[str], str]]:
    """The words of each line and where it stands, with the lines of included files in their place."""
    files.append(file)
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("//"):
            continue
        words = [quoted or bare for quoted, bare in _WORD.findall(line)]
        if words[0] == "!include":
            included = file.parent / words[1]
            if not included.exists():
                raise OperatorError(
                    f"{file.name}, line {number} includes {words[1]}, which is not there", "correct its path"
                )
            yield from _statements(included, files)
        else:
            yield words, f"{file.name}, line {number}"
