"""`check`: what is made of an export, in words and as JSON."""

import json
from pathlib import Path

import pandas as pd
import pytest

from closecast.cli.check import check
from closecast.cli.errors import CommandError
from closecast.deals.synthetic.generator import generate


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOSECAST_INVOCATION_DIR", str(tmp_path))
    return tmp_path


def _salesforce(deals: pd.DataFrame) -> pd.DataFrame:
    """As a report of Salesforce, with a probability that is overwritten when the deal closes."""
    stages = {"Prospecting": "Prospecting", "Engaging": "Proposal", "Won": "Closed Won", "Lost": "Closed Lost"}
    return pd.DataFrame(
        {
            "Opportunity ID": deals["opportunity_id"],
            "Opportunity Owner": deals["sales_agent"],
            "Product Name": deals["product"],
            "Account Name": deals["account"],
            "Stage": deals["deal_stage"].map(stages),
            "Created Date": deals["engage_date"],
            "Close Date": deals["close_date"],
            "Amount": deals["close_value"],
            "Probability (%)": deals["deal_stage"].map({"Won": "100", "Lost": "0"}).fillna("50"),
        }
    )


def test_an_export_that_will_do_is_described(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # given a report with a remark below it
    deals = generate(1_500, seed=2)
    written = _salesforce(deals)
    written["Close Date"] = written["Close Date"].replace("", None).fillna("2018-06-30")  # of open deals: expected
    text = written.to_csv(index=False)
    (folder / "report.csv").write_text(f"{text}\nConfidential\n")
    # when
    status = check(["file:report.csv", "--json", "found.json"])
    # then
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert "mapped by the profile salesforce_report" in printed
    assert "1 x remark or total" in printed
    assert "Probability (%) (1.00)" in printed.partition("none is a feature")[2]
    assert "a model can be trained on it" in printed
    # and in figures: every row that came in is used or has its reason
    found = json.loads((folder / "found.json").read_text())
    rows = found["rows"]
    assert (
        rows["came_in"]
        == len(deals) + 1
        == rows["used"] + sum(rows["rejected"].values()) + sum(rows["set_aside"].values())
    )
    assert found["mapping"]["Stage"] == "stage"
    # and what was decided stands on lines of its own
    assert "open deals that carry a close date: " in found["decided"][0]
    assert set(printed.splitlines()) >= {f"  {clause}" for clause in found["decided"]}
    assert sum(found["stages"].values()) == rows["used"]


def test_an_export_that_will_not_do_says_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deals = generate(1_500, seed=2)
    _salesforce(deals[deals["deal_stage"] != "Lost"]).to_csv(folder / "report.csv", index=False)
    assert check(["file:report.csv"]) == 2
    printed = capsys.readouterr().out
    assert "no model can be trained: none of the" in printed
    assert "closed deals is Lost: a model would take every close for a win" in printed


def test_a_feature_that_tells_the_outcome_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # given accounts that are filled in when a deal is won
    deals = generate(1_500, seed=2)
    deals["account"] = deals["account"].where(deals["deal_stage"] == "Won", "")
    deals.to_csv(folder / "deals.csv", index=False)
    check(["file:deals.csv"])
    assert "account is a feature, and alone tells won from lost deals" in capsys.readouterr().out


def test_dates_that_an_import_set_are_noticed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # given deals that were created, says the CRM, after they had closed, and a month in which nothing closed
    deals = generate(1_500, seed=2)
    closed = deals.loc[deals["close_date"] != "", "close_date"].sort_values()
    bulk = deals.index.isin(closed.index[:7])
    deals.loc[bulk, "engage_date"] = closed.max()
    deals.to_csv(folder / "deals.csv", index=False)
    # when
    check(["file:deals.csv", "--json", "found.json"])
    # then
    assert "noticed: deals that close before they were created: 7; an import sets" in capsys.readouterr().out
    assert json.loads((folder / "found.json").read_text())["rows"]["rejected"]["close_date is before engage_date"] == 7


def test_no_column_name_writes_to_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deals = _salesforce(generate(300, seed=2)).rename(columns={"Amount": "Amount\x9b2J"})
    deals["Created Date"] = pd.to_datetime(deals["Created Date"]).dt.strftime("%d/%m/%Y").fillna("")
    deals.to_csv(folder / "deals.csv", index=False)
    check(["file:deals.csv"])
    assert "\x9b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n", "needs a mapping, because it does not say"),
        ("Stage,Created Date,Close Date\nClosed Won,x,y\n", "needs a mapping|has no acceptable row"),
    ],
)
def test_what_cannot_be_checked_is_told(content: str, words: str, folder: Path) -> None:
    (folder / "deals.csv").write_text(content)
    with pytest.raises(CommandError, match=words):
        check(["file:deals.csv"])
