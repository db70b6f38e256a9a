"""`just bench filter [deals=100000] [visits=6] [source=synthetic]`: how soon the page *Pipeline* follows a filter.

A model is trained on `source`, and its open deals are repeated until there are `deals` of them. PostgreSQL, the API and the
pages run as their jobs run them, and Chromium visits them as somebody who signs in. Each visit is a new browser. The page
measures itself: from the key that chooses an agent to the first frame after the figures have changed. Writes filter.md.
"""

import os
import platform
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
from selenium import webdriver
from selenium.webdriver.common.by import By as Selector
from selenium.webdriver.common.keys import Keys

from benchmarks import arguments
from benchmarks.serving import model, process, stack, subject
from benchmarks.serving.model import Subject
from closecast.models.deal_model import DealModel
from closecast.platform.callers.acts import By
from closecast.platform.callers.users import UserStore

ASKED_MS, PAINT_MS = 300, 2_000
_PAGE = Path(__file__).with_name("filter.md")
_AGENTS = 3  # filters of one visit
_NAME, _PASSWORD = "bench", secrets.token_urlsafe(24)
_BOX = "[data-testid=stMultiSelect]"
# The figures of the page stand before the table. A frame is asked for when they have changed: what a person sees then.
_WATCH = """
const figure = () => document.querySelector('[data-testid=stMetricValue]')?.innerText;
const before = figure();
const at = window.measured = {};
document.addEventListener('keydown', event => { if (event.key === 'Enter') at.key ??= performance.now(); }, true);
window.watching?.disconnect();
window.watching = new MutationObserver(() => {
  if (!at.key) return;
  at.last = performance.now();
  if (!at.asked && figure() && figure() !== before) {
    at.asked = true;
    requestAnimationFrame(() => { at.shown = performance.now(); });
  }
});
window.watching.observe(document.body, {subtree: true, childList: true, characterData: true});
"""
_PAINT = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@dataclass
class Measured:
    """Milliseconds of each filter and visit."""

    figures: list[float] = field(default_factory=list)  # from the key to the frame with the new figures
    still: list[float] = field(default_factory=list)  # from the key to the last change of the page
    api: list[float] = field(default_factory=list)  # the API's own answer to such a filter
    paint: list[float] = field(default_factory=list)  # first contentful paint of a visit


def repeated(own: Subject, deals: int) -> DealModel:
    """Its model with data that have `deals` open ones; the added ones repeat those that are there."""
    known = own.model.deals
    plain = known.astype({name: object for name in known.columns if known[name].dtype == "category"})
    open_deals = plain[plain["deal_stage"] == "Engaging"]
    added = np.arange(max(deals - len(open_deals), 0))
    more = open_deals.iloc[added % len(open_deals)].assign(opportunity_id=[f"repeated-{at}" for at in added])
    every = pd.concat([plain, more], ignore_index=True)
    return own.model.seen_with(every, date.fromisoformat(own.model.card.data_as_of), own.model.card.deals_key)


@contextmanager
def pages(own: Subject, deals: DealModel, database: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Run the API with the model `deals` and the pages; the addresses of both."""
    from tests.unit.services.api.conftest import keep

    room = folder / "api"
    (room / "models").mkdir(parents=True)
    keep(deals, room / "models")
    UserStore(lambda: database).create(_NAME, "scorer", By("bootstrap"), _PASSWORD)
    away = f"http://{subject.HOST}:{process.free_port()}"  # no registry: what is in the cache is served
    port = process.free_port()
    page = f"http://{subject.HOST}:{port}"
    with ExitStack() as ending:
        api = subject.start(own, room, {"CLOSECAST_DATABASE_URL": database, "MLFLOW_TRACKING_URI": away})
        ending.callback(api.process.end)
        api.process.until_ready(f"{api.base}/health/live")
        variables = {"CLOSECAST_HOST": subject.HOST, "CLOSECAST_PORT": str(port), "CLOSECAST_API_URL": api.base}
        ui = process.start([sys.executable, "-m", "services.ui"], variables, folder / "ui.log")
        ending.callback(ui.end)
        ui.until_ready(f"{page}/_stcore/health")
        yield api.base, page


def visit(page: str, agents: Sequence[str], found: Measured) -> None:
    """Open the pages in a new browser, sign in, and filter by each of `agents` after the other."""
    from tests.e2e import browsing

    with browsing.browser() as chrome:
        chrome.get(page)
        browsing.soon(chrome).until(lambda _: chrome.execute_script(_PAINT))
        found.paint.append(chrome.execute_script(_PAINT))
        browsing.sign_in(chrome, _NAME, _PASSWORD)
        browsing.go_to(chrome, "Pipeline")
        browsing.soon(chrome).until(lambda _: "Open deals" in browsing.text(chrome))
        browsing.settled(chrome)
        for agent in agents:
            _filter(chrome, agent, found)


def _filter(chrome: webdriver.Chrome, agent: str, found: Measured) -> None:
    from tests.e2e import browsing

    time.sleep(1)  # a person has read what is there
    box = next(one for one in chrome.find_elements(Selector.CSS_SELECTOR, _BOX) if "Agents" in one.text)
    field_ = box.find_element(Selector.CSS_SELECTOR, "input")
    field_.send_keys(agent)
    browsing.soon(chrome).until(lambda _: _choices(chrome) == [agent])
    chrome.execute_script(_WATCH)
    field_.send_keys(Keys.ENTER)
    browsing.soon(chrome).until(lambda _: chrome.execute_script("return window.measured.shown"))
    time.sleep(2)
    at = chrome.execute_script("return window.measured")
    found.figures.append(at["shown"] - at["key"])
    found.still.append(at["last"] - at["key"])


def _choices(chrome: webdriver.Chrome) -> list[str]:
    """What the list below a box offers."""
    return [one.text for one in chrome.find_elements(Selector.CSS_SELECTOR, "[role=option]")]


def ask(url: str, agents: Sequence[str], found: Measured) -> None:
    """Ask the API itself for the same filters."""
    with httpx.Client(base_url=url, headers=subject.HEADERS, timeout=60) as client:
        for at in range(len(agents)):
            begin = time.perf_counter()
            answer = client.get("/v1/pipeline", params={"sales_agent": list(agents[: at + 1])})
            answer.raise_for_status()
            found.api.append((time.perf_counter() - begin) * 1_000)


def page(found: Measured, deals: int, visits: int, source: str) -> str:
    """filter.md."""
    rows = (
        ("a filter, from the key to the frame with the new figures", found.figures, f"under {ASKED_MS}"),
        ("the same, to the last change of the page (the table fades)", found.still, ""),
        ("the API's own answer to such a filter", found.api, ""),
        ("first contentful paint of a visit", found.paint, f"under {PAINT_MS:,}"),
    )
    lines = [
        "# A filter on the page *Pipeline*",
        "",
        f"Made by `just bench filter`: {deals:,} open deals, model of {source}, {visits} visits, each in a new browser, with "
        f"{_AGENTS} filters each. {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{date.today():%-d %B %Y}. Milliseconds, measured in the browser itself.",
        "",
        "| measure | median | spread | number | target |",
        "|---|---:|---:|---:|---|",
        *(
            f"| {name} | {statistics.median(ms):,.0f} | {min(ms):,.0f} to {max(ms):,.0f} | {len(ms)} | {target} |"
            for name, ms, target in rows
        ),
        "",
    ]
    return "\n".join(lines)


def main(given: list[str]) -> int:
    chosen = arguments.read(
        given,
        deals=arguments.whole(100_000, 1_000, most=1_000_000),
        visits=arguments.whole(6, most=100),
        source=arguments.text("synthetic", "a source, as file:deals.csv"),
    )
    found = Measured()
    with tempfile.TemporaryDirectory(prefix="closecast-filter-") as scratch, stack.database() as url:
        folder = Path(scratch)
        own, _ = model.train(chosen["source"], folder / "made")
        made = repeated(own, chosen["deals"])
        with pages(own, made, url, folder) as (api, address):
            agents = sorted(made.deals["sales_agent"].dropna().unique())[:_AGENTS]
            for _ in range(chosen["visits"]):
                visit(address, agents, found)
                ask(api, agents, found)
    written = page(found, chosen["deals"], chosen["visits"], Path(chosen["source"]).name)
    print(written)
    _PAGE.write_text(written)
    return int(statistics.median(found.figures) >= ASKED_MS)


if __name__ == "__main__":
    arguments.run(main)
