"""What a user may name as the source of the data."""

from pathlib import Path

import pytest

from closecast.cli.errors import CommandError
from closecast.cli.source import parse_source


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("kaggle:x", "the source 'kaggle:x' is not known"),
        ("synthetic:0", "is not known"),
        ("", "is not known"),
        ("file:", "is not known"),
        ("file:/absent.csv", "there is no file /absent.csv"),
        ("file:/dev", "is no export"),
    ],
)
def test_a_source_that_cannot_be_is_refused(source: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        parse_source(source)


def test_a_relative_file_counts_from_where_the_user_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deals.csv").write_text("x")
    monkeypatch.setenv("CLOSECAST_INVOCATION_DIR", str(tmp_path))
    assert parse_source("file:deals.csv") == f"file:{tmp_path / 'deals.csv'}"
    assert parse_source(None) is None
    assert parse_source("synthetic:50") == "synthetic:50"
