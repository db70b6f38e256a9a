"""Draw the views of the model: Structurizr writes them as graphs, and Graphviz draws these."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from ops.errors import OperatorError
from ops.pictures.libraries import FOLDER, libraries
from ops.pictures.model import MODEL

_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
# Graphviz names each node and each line, which browsers then show as a number under the pointer.
_NUMBERS = re.compile(r"(?<=>)\n<title>(?:\d+|cluster_\w+|\d+(?:&#45;|-)&gt;\d+)</title>")


def drawn(model: Path = MODEL) -> dict[str, str]:
    """Every view of the model as SVG, by its key. Raises OperatorError when a program is missing or fails."""
    java, dot = _program("java", "openjdk-17-jdk-headless, or a newer one"), _program("dot", "graphviz")
    jars = libraries()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        command = [java, "-cp", f"{jars}/*", str(FOLDER / "Export.java"), str(model), str(folder)]
        remedy = f"correct {model.name} or what it includes; Java must be a JDK of version 17 or newer"
        _run(command, "Structurizr refuses the model", remedy)
        return {graph.stem: _svg(dot, graph) for graph in sorted(folder.glob("*.dot"))}


def _svg(dot: str, graph: Path) -> str:
    text = _run([dot, "-Tsvg", str(graph)], f"Graphviz cannot draw {graph.stem}", "look at ops/pictures/Export.java")
    picture = text[text.index("<svg") :]
    return _NUMBERS.sub("", _COMMENT.sub("", picture))


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise OperatorError(f"there is no {name} on PATH", f"install it (Debian: the package {package})")
    return found


def _run(command: list[str], problem: str, remedy: str) -> str:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if not line.startswith(("SLF4J", "\tat "))]
        raise OperatorError(f"{problem}: {' '.join(lines)[:800]}", remedy)
    return done.stdout
