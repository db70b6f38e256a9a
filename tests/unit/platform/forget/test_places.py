"""Every table, layer, prefix and folder is known to `forget` and described in the documents: a new one fails here."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from closecast.platform.forget import places
from closecast.platform.lake.store import Layer
from tests.servers.processes import PROJECT

_DOCUMENT = (PROJECT / "docs" / "personal-data.md").read_text()
_WRITERS = [
    *(PROJECT / "closecast" / "platform" / "lake").glob("*.py"),
    *(PROJECT / "closecast" / "platform" / "batch").glob("*.py"),
    *(PROJECT / "closecast" / "platform" / "journal").glob("*.py"),
    *(PROJECT / "closecast" / "platform" / "forget").glob("*.py"),
    *(PROJECT / "services" / "score").glob("*.py"),
    *(PROJECT / "services" / "trial").glob("*.py"),
    *(PROJECT / "flows").glob("*.py"),
]
_KEY = re.compile(r"([a-z]+)/")
# Names of deployments and entry points, and the folders of MLflow's artifacts.
_NO_KEYS = {"mlflow", "flows", "train", "tune", "ingest", "eda", "evaluate", "score", "scoring"}


def _key_beginnings(file: Path) -> Iterator[str]:
    """The first part of each text in the code that looks like an object's key."""
    for node in ast.walk(ast.parse(file.read_text())):
        first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and (found := _KEY.match(first.value)):
            yield found[1]


def test_every_table_is_known() -> None:
    written = "".join(file.read_text() for file in (PROJECT / "closecast" / "platform" / "sql").glob("*.sql"))
    tables = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", written)) | {"migrations"}
    assert tables == set(places.TABLES)


def test_every_layer_of_the_lake_is_known() -> None:
    assert set(get_args(Layer)) <= set(places.LAKE)


def test_every_key_that_the_code_writes_is_known() -> None:
    found = {name for file in _WRITERS for name in _key_beginnings(file)} - _NO_KEYS
    assert {"steps", "leases", "newest"} <= found
    assert found <= set(places.LAKE)


def test_every_prefix_that_a_key_opens_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PROJECT / "localstack"))
    import rights

    opened = {place for one in rights.of_jobs("lake", "artifacts") for place in (*one.read, *one.write)}
    prefixes = {place.split("/")[1] for place in opened if place.startswith("lake/")} - {""}
    assert prefixes
    assert prefixes <= set(places.LAKE)
    sys.modules.pop("rights")


def test_every_folder_of_the_state_is_known() -> None:
    jobs = "".join(file.read_text() for file in (PROJECT / "jobs").glob("*.hcl"))
    code = "".join(file.read_text() for file in (PROJECT / "ops").rglob("*.py"))
    folders = set(re.findall(r"\$\{meta\.state\}/([\w-]+)", jobs)) | set(
        re.findall(r'paths\.state\(\) / "([\w-]+)"', code)
    )
    assert {"models", "mirror", "exports", "replay"} <= folders
    assert folders - {"deployed"} <= set(places.FOLDERS)  # a file: it is among the others


def test_every_place_is_described() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|", _DOCUMENT, re.MULTILINE)
    assert [place for place in places.EVERY if place not in rows] == []
