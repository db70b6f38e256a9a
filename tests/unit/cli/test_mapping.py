"""`map`: a draft of a mapping file, and what is asked."""

import argparse
import json
from pathlib import Path

import pytest

from closecast.cli.errors import CommandError
from closecast.cli.mapping import chosen_mapping, mapping_text, propose_mapping, read_mapping
from closecast.deals.mapping import document
from closecast.platform.sources.export import read_source
from ops.cli.arguments import Arguments

CERTAIN = "Opportunity ID,Stage,Created Date,Close Date,Amount\na,Closed Won,2024-01-02,2024-02-03,5\n"
DOUBTFUL = "Opportunity ID,Stage,Created Date,Close Date\na,Closed Won,1/2/2024,3/4/2024\nb,Mulling,1/2/2024,\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOSECAST_INVOCATION_DIR", str(tmp_path))
    return tmp_path


def test_a_certain_mapping_is_shown_and_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "deals.csv").write_text(CERTAIN)
    assert propose_mapping(["file:deals.csv"]) == 0
    printed = capsys.readouterr().out
    assert "Closed Won is won" in printed
    assert "nothing is to be asked" in printed
    text = read_mapping("deals.mapping.yaml")
    assert text is not None
    assert document.parse(text).name == "salesforce_report"


def test_a_stage_history_beside_the_deals_is_shown_and_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    exports = folder / "exports"
    exports.mkdir()
    (exports / "deals.csv").write_text(CERTAIN)
    (exports / "history.csv").write_text("Opportunity ID,To Stage,Entered\na,Proposal,2024-01-02\na,Demo,2024-01-05\n")
    (exports / "users.csv").write_text("user\nAda\n")
    # when
    assert propose_mapping(["file:exports"]) == 0
    # then
    printed = capsys.readouterr().out
    assert "not read: users.csv" in printed
    assert (
        "stage history: deal is Opportunity ID, changed is Entered, stage is To Stage, file is history.csv" in printed
    )
    text = read_mapping("exports.mapping.yaml")
    assert text is not None
    history = document.parse(text).history
    assert history is not None
    assert (history.deal, history.changed, history.stage) == ("Opportunity ID", "Entered", "To Stage")


def test_a_draft_asks_and_cannot_be_used_before_it_is_answered(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    (folder / "deals.csv").write_text(DOUBTFUL)
    # when
    assert propose_mapping(["file:deals.csv", "--out", "mine.yaml"]) == 2
    # then
    assert "? what do these stages mean" in capsys.readouterr().out
    with pytest.raises(CommandError, match=r"mine.yaml: the mapping cannot be read: Invalid enum value '\?'"):
        read_mapping("mine.yaml")
    # when it is answered
    draft = (
        (folder / "mine.yaml").read_text().replace("dates: '?'", "dates: dmy").replace("Mulling: '?'", "Mulling: open")
    )
    (folder / "mine.yaml").write_text(draft)
    text = read_mapping("mine.yaml")
    assert text is not None
    assert document.parse(text).stages == {"Closed Won": "won", "Mulling": "open"}
    # and it is not overwritten
    with pytest.raises(CommandError, match=r"there is a file .*mine\.yaml already"):
        propose_mapping(["file:deals.csv", "--out", "mine.yaml"])


def test_the_schema_is_written_for_editors(folder: Path) -> None:
    assert propose_mapping(["--schema", "mapping.schema.json"]) == 0
    assert json.loads((folder / "mapping.schema.json").read_text()) == json.loads(json.dumps(document.schema()))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no export is named"),
        (["file:absent.csv"], "there is no file"),
        (["synthetic"], "unknown source|made-up"),
        (["file:picture.csv"], "is a PNG picture"),
    ],
)
def test_what_cannot_be_mapped_is_told(arguments: list[str], words: str, folder: Path) -> None:
    (folder / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(CommandError, match=words):
        propose_mapping(arguments)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"version: 2", "Invalid enum value 2"),
    ],
)
def test_a_mapping_file_that_cannot_be_read_is_told(content: bytes | None, words: str, folder: Path) -> None:
    if content is not None:
        (folder / "m.yaml").write_bytes(content)
    with pytest.raises(CommandError, match=words):
        read_mapping("m.yaml")


def test_a_mapping_that_prefect_could_not_keep_is_told(folder: Path) -> None:
    stages = "".join(f"  stage number {at}: open\n" for at in range(400))
    (folder / "m.yaml").write_text(f"version: 1\ncolumns: {{stage: a, created: b, closed: c}}\nstages:\n{stages}")
    with pytest.raises(CommandError, match="characters, and at most 4,900 are kept"):
        read_mapping("m.yaml")


MOMENTS = "Opportunity ID;Stage;Created Date;Close Date;Amount\na;Closed Won;2024-01-02T23:30:00Z;2024-02-03;5\n"


def _given(*arguments: str) -> argparse.Namespace:
    return Arguments("check", "Check.").mapping().given(list(arguments))


def test_what_the_user_says_overrides_what_is_detected(folder: Path) -> None:
    (folder / "deals.csv").write_bytes(MOMENTS.encode("utf-16-le"))
    source = f"file:{folder}/deals.csv"
    mapping = chosen_mapping(_given("--timezone", "Europe/Berlin", "encoding=utf-16-le", "--delimiter", ";"), source)
    assert mapping is not None
    assert (mapping.timezone, mapping.file.encoding, mapping.file.delimiter) == ("Europe/Berlin", "utf-16-le", ";")
    assert read_source(source, mapping=mapping).frame["engage_date"].tolist() == ["2024-01-03"]


def test_a_correction_changes_the_mapping_file_that_is_named(folder: Path) -> None:
    (folder / "deals.csv").write_text(CERTAIN)
    propose_mapping(["file:deals.csv", "--timezone", "Asia/Tokyo"])
    text = mapping_text(_given("--mapping", "deals.mapping.yaml", "--sheet", "Deals"), None)
    assert text is not None
    assert (document.parse(text).timezone, document.parse(text).file.sheet) == ("Asia/Tokyo", "Deals")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--timezone", "Mars/Olympus"], "there is no time zone 'Mars/Olympus'"),
        (["--encoding", "klingon"], "cannot be read in the encoding 'klingon'"),
        (["--encoding", "zip"], "cannot be read in the encoding 'zip'"),
        (["--delimiter", "x"], "'x' is none of"),
    ],
)
def test_a_correction_that_cannot_be_is_told(folder: Path, arguments: list[str], words: str) -> None:
    (folder / "deals.csv").write_text(CERTAIN)
    with pytest.raises(CommandError, match=words):
        mapping_text(_given(*arguments), f"file:{folder}/deals.csv")


def test_a_correction_needs_an_export() -> None:
    with pytest.raises(CommandError, match="--timezone and --sheet: of which export"):
        mapping_text(_given("--timezone", "UTC", "--sheet", "x"), None)
