"""The exploratory report: one self-contained page for any export, and leak probes that catch the real file's traps."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.eda.leaks import Probe, missing_probes, outcome_probes
from closecast.deals.eda.report import report
from closecast.deals.quality import assess
from closecast.deals.synthetic.generator import generate
from closecast.deals.vocabulary import RAW_COLUMNS

WON = {
    "opportunity_id": "A1",
    "sales_agent": "Ada Berg",
    "product": "GTX Basic",
    "account": "Oak",
    "deal_stage": "Won",
    "engage_date": "2017-03-01",
    "close_date": "2017-03-04",
    "close_value": "550",
}
LOST = {**WON, "opportunity_id": "B2", "deal_stage": "Lost", "close_value": "0"}
ENGAGING = {**WON, "opportunity_id": "C3", "deal_stage": "Engaging", "close_date": "", "close_value": ""}
PROSPECT = {**ENGAGING, "opportunity_id": "D4", "deal_stage": "Prospecting", "engage_date": ""}


class Page(HTMLParser):
    """The tags and the text of a page; refuses one whose tags do not pair."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def deals_of(*rows: dict[str, str]) -> pd.DataFrame:
    return check(pd.DataFrame(list(rows), columns=list(RAW_COLUMNS))).accepted


def html_of(raw: pd.DataFrame, title: str = "Deals") -> str:
    checked = check(raw)
    return report(checked.accepted, assess(raw, checked), title)


def html_of_rows(*rows: dict[str, str]) -> str:
    return html_of(pd.DataFrame(list(rows), columns=list(RAW_COLUMNS)))


def flagged(probes: list[Probe]) -> set[str]:
    return {probe.column for probe in probes if probe.flagged}


def test_the_real_files_traps_are_flagged_with_the_reason(real_raw: pd.DataFrame) -> None:
    # given
    deals = check(real_raw).accepted
    # when
    outcome, missing = outcome_probes(deals), missing_probes(deals)
    # then
    value = next(probe for probe in outcome if probe.column == "close_value")
    account = next(probe for probe in missing if probe.column == "account")
    assert flagged(outcome) == {"close_value"}
    assert value.auc == 1.0
    assert "being 0 for every lost one" in value.why
    assert account.flagged
    assert account.auc == pytest.approx(0.841, abs=0.001)
    assert "Empty in 68% of open and 0% of closed deals" in account.why
    assert "must not be a feature" in account.why


def test_the_real_files_report_is_one_small_page_that_fetches_nothing(real_raw: pd.DataFrame) -> None:
    # when
    html = html_of(real_raw, "The publisher's file")
    page = Page(html)
    # then
    assert html.startswith("<!DOCTYPE html>")
    assert len(html.encode()) < 1_000_000
    assert "http://" not in html
    assert "https://" not in html
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert not {"src", "href", "onload", "onclick"} & {name for name, _ in page.attributes}
    assert page.tags.count("svg") == 5
    assert page.text.count("FLAGGED") == 5  # close_value; and four columns by being empty
    for phrase in ("8,800", "4,238", "63.2%", "Score 0.979", "1,425", "to 7", "over 120", "Darcel Schlecht"):
        assert phrase in page.text


def test_a_column_without_signal_is_not_flagged() -> None:
    # given
    deals = check(generate(2_000, seed=4)).accepted
    random = np.random.default_rng(4)
    for name in ("sales_agent", "product", "account"):
        deals[name] = random.choice([*"abcdefgh", None], size=len(deals))
    # when
    outcome = {probe.column: probe.auc for probe in outcome_probes(deals)}
    # then
    assert flagged(outcome_probes(deals)) == {"close_value"}
    assert outcome["opportunity_id"] == 0.5  # a name that is never seen twice teaches nothing
    for name in ("sales_agent", "product", "account"):
        assert outcome[name] == pytest.approx(0.5, abs=0.06)
    assert "account" not in flagged(missing_probes(deals))  # missing at random


def test_a_text_column_that_names_the_outcome_is_flagged() -> None:
    # given
    deals = check(generate(1_000, seed=5)).accepted
    deals["account"] = deals["deal_stage"].map({"Won": "Customers", "Lost": "Others"})
    # then
    assert flagged(outcome_probes(deals)) == {"account", "close_value"}


def test_all_text_is_escaped() -> None:
    # given
    evil = '<script>alert("x")</script><img src=x onerror=y>&\'' + "z" * 200
    # when
    html = html_of(
        pd.DataFrame([{**row, "product": evil, "sales_agent": evil} for row in (WON, LOST)]), title="<b>T</b> " + evil
    )
    page = Page(html)
    # then
    assert not {"script", "img", "b"} & set(page.tags)
    assert "onerror" not in {name for name, _ in page.attributes}
    assert '<script>alert("x")</script>' in page.text


@pytest.mark.parametrize(
    "rows",
    [(WON,), (LOST,), (WON, LOST), (ENGAGING,), (PROSPECT,), (ENGAGING, PROSPECT), (WON, LOST, ENGAGING, PROSPECT)],
    ids=["won", "lost", "closed", "engaging", "prospecting", "open", "every stage"],
)
def test_a_tiny_export_has_a_report(rows: tuple[dict[str, str], ...]) -> None:
    # when
    text = Page(html_of_rows(*rows)).text
    # then
    assert ("No deal is closed yet." in text) == (not {"Won", "Lost"} & {row["deal_stage"] for row in rows})
    assert "nan" not in text.lower().split()


def test_close_value_is_flagged_in_the_smallest_export_that_can_tell() -> None:
    assert "close_value" in flagged(outcome_probes(deals_of(WON, LOST)))
    assert flagged(outcome_probes(deals_of(WON))) == set()


def test_no_export_makes_a_page_that_grows_without_end() -> None:
    # given
    raw = generate(3_000, seed=6)
    raw["product"] = [f"product {number} {'x' * 500}" for number in range(len(raw))]
    raw["sales_agent"] = raw["product"]
    # when
    html = html_of(raw)
    # then
    assert len(html.encode()) < 1_000_000
    assert "more sales agents are left out" in html


def test_events_centuries_apart_are_counted_by_year() -> None:
    # given
    late = {**WON, "opportunity_id": "Z9", "engage_date": "2250-01-01", "close_date": "2261-12-31"}
    # when
    html = html_of_rows({**WON, "engage_date": "1700-01-01"}, late)
    # then
    assert "Engagements and closes by year" in html
    assert len(html.encode()) < 1_000_000
    Page(html)
