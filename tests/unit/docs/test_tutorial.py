"""The output in the tutorial is what the commands print for its export."""

import re
from pathlib import Path

import pandas as pd
import pytest

from closecast.cli.check import check
from closecast.cli.errors import CommandError
from closecast.cli.mapping import propose_mapping
from closecast.platform.sources.export import read_source
from ops.paths import PROJECT

_TEXT = (PROJECT / "docs" / "tutorial.md").read_text()
_BLOCKS: list[str] = re.findall(r"^```\w*\n(.*?)^```", _TEXT, re.MULTILINE | re.DOTALL)
_STAGES = {"Won": "Signed", "Lost": "Walked away", "Engaging": "In talks", "Prospecting": "First contact"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the tutorial's reader stands, with the export."""
    deals = read_source("synthetic:2500", 11).frame
    opened, ended = (
        pd.to_datetime(deals[name], errors="coerce", format="mixed").dt.strftime("%d/%m/%Y")
        for name in ("engage_date", "close_date")
    )
    columns = {
        "Deal No": deals.opportunity_id,
        "Rep": deals.sales_agent,
        "Line": deals["product"],
        "Customer": deals.account,
        "Phase": deals.deal_stage.map(_STAGES),
        "Opened": opened,
        "Ended": ended,
        "Value": deals.close_value,
    }
    pd.DataFrame(columns).to_csv(tmp_path / "deals.csv", index=False)
    monkeypatch.setenv("CLOSECAST_INVOCATION_DIR", str(tmp_path))
    return tmp_path


def _shown(command: str) -> str:
    """The output that the tutorial shows for the command."""
    return next(block.partition("\n")[2] for block in _BLOCKS if block.startswith(f"$ {command}\n"))


def _plain(text: str, folder: Path) -> list[str]:
    return [line.rstrip() for line in text.replace(f"{folder}/", "").strip().splitlines()]


def test_the_rows_are_those_of_the_export(folder: Path) -> None:
    assert (folder / "deals.csv").read_text().startswith(_BLOCKS[0])


def test_check_asks_what_the_tutorial_shows(folder: Path) -> None:
    with pytest.raises(CommandError) as caught:
        check(["file:deals.csv"], "just")
    assert _plain(str(caught.value), folder) == _plain(_shown("./just check file:deals.csv"), folder)


def test_map_writes_the_draft_and_with_its_answers_the_export_can_be_used(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    mapping = folder / "deals.mapping.yaml"
    draft, answered = (block for block in _BLOCKS if block.lstrip("# ").startswith(("A mapping", "version: 1")))
    # when
    assert propose_mapping(["file:deals.csv"], "just") == 2
    # then
    assert _plain(capsys.readouterr().out, folder) == _plain(_shown("./just map file:deals.csv"), folder)
    assert mapping.read_text() == draft
    # when
    mapping.write_text(answered)
    assert check(["file:deals.csv", "--mapping", "deals.mapping.yaml"], "just") == 0
    # then
    shown = _shown("./just check file:deals.csv --mapping deals.mapping.yaml")
    assert _plain(capsys.readouterr().out, folder) == _plain(shown, folder)
