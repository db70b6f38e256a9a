"""Docstrings in the code of the product: their first lines stand alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROOTS = ("closecast", "services", "flows", "ops", "localstack", "benchmarks")
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public(tree: ast.AST) -> Iterator[_Documented]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node
            yield from _public(node)


def _first_lines(file: Path) -> Iterator[tuple[str, str]]:
    module = ast.parse(file.read_text())
    for node in (module, *_public(module)):
        text = ast.get_docstring(node)
        if text is not None:
            yield getattr(node, "name", "module"), text.splitlines()[0]


@pytest.mark.parametrize("root", ROOTS)
def test_first_lines_are_sentences_that_stand_alone(root: str) -> None:
    # when
    found = {
        f"{file.relative_to(PROJECT)}: {name}": line
        for file in sorted((PROJECT / root).rglob("*.py"))
        for name, line in _first_lines(file)
    }
    # then
    assert found
    assert not [where for where, line in found.items() if not line.endswith((".", ":", "?"))]
    assert not [where for where, line in found.items() if line.startswith(("The same", "Likewise", "As "))]
