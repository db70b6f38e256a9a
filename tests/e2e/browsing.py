"""Chromium, as a person uses it on the pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.servers.processes import PROJECT

SCREENSHOTS = PROJECT / ".closecast" / "screenshots"
_PHONE = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Mobile Safari/537.36"
)
_SERIOUS = ("critical", "serious")


@contextmanager
def browser(*more: str, width: int = 1280, dark: bool = False, language: str = "en-GB") -> Iterator[webdriver.Chrome]:
    """A new Chromium without a window, of somebody who reads `language`; below 500 pixels it is a phone's."""
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1280,1400",
        *more,
    ):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.binary_location = "/usr/bin/chromium"
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    made = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        if width < 500:
            made.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 1400, "deviceScaleFactor": 1, "mobile": True},
            )
            # By its name Streamlit knows a phone, on which the menu closes behind a choice.
            made.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": _PHONE})
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        made.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})
        yield made
    finally:
        made.quit()


def soon(chrome: webdriver.Chrome, seconds: float = 60) -> WebDriverWait[webdriver.Chrome]:
    """Wait for something; Streamlit draws a page in pieces, and what was found may have been drawn anew."""
    return WebDriverWait(chrome, seconds, ignored_exceptions=(NoSuchElementException, StaleElementReferenceException))


def text(chrome: webdriver.Chrome) -> str:
    """What the page says."""
    return chrome.find_element(By.TAG_NAME, "body").text


def shown(chrome: webdriver.Chrome, selector: str) -> list[WebElement]:
    """The elements that a person sees."""
    return [element for element in chrome.find_elements(By.CSS_SELECTOR, selector) if element.is_displayed()]


def sign_in(chrome: webdriver.Chrome, name: str, password: str) -> None:
    """Sign in on the page itself, past the gateway, and wait for the first page."""
    soon(chrome).until(lambda _: shown(chrome, "input[type=password]"))
    shown(chrome, "input[type=text]")[0].send_keys(name)
    shown(chrome, "input[type=password]")[0].send_keys(password, Keys.ENTER)
    soon(chrome).until(lambda _: _title(chrome))


def press(chrome: webdriver.Chrome, label: str) -> None:
    """Press the button of this label."""
    soon(chrome).until(lambda _: [one for one in shown(chrome, "button") if one.text.strip() == label])[0].click()


def go_to(chrome: webdriver.Chrome, title: str) -> None:
    """Choose a page from the menu, which a phone hides, and wait until it has been drawn."""
    links = "[data-testid=stSidebarNavLink]"
    if not shown(chrome, links):
        soon(chrome).until(lambda _: shown(chrome, "[data-testid=stExpandSidebarButton]"))[0].click()
    soon(chrome).until(lambda _: [one for one in shown(chrome, links) if _label(one) == title])[0].click()
    soon(chrome).until(lambda _: _title(chrome) == title)
    settled(chrome)


def settled(chrome: webdriver.Chrome) -> None:
    """Wait until the page's program has ended."""
    soon(chrome).until(lambda _: not chrome.find_elements(By.CSS_SELECTOR, "[data-test-script-state=running]"))


def menu(chrome: webdriver.Chrome) -> list[str]:
    """The titles of the pages that the menu offers."""
    return [_label(one) for one in shown(chrome, "[data-testid=stSidebarNavLink]")]


def faults(chrome: webdriver.Chrome) -> dict[str, list[str]]:
    """What axe-core finds critical or serious, by rule: the elements."""
    chrome.execute_script(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = chrome.execute_async_script(
        "const done = arguments[0]; axe.run(document).then(found => done(found.violations))"
    )
    return {one["id"]: [str(node["html"]) for node in one["nodes"]] for one in found if one["impact"] in _SERIOUS}


def _label(link: WebElement) -> str:
    """Its text without its icon, which is a word in a font of icons."""
    return link.text.strip().rpartition("\n")[2]


def _title(chrome: webdriver.Chrome) -> str:
    found = shown(chrome, "h1")
    return found[0].text if found else ""
