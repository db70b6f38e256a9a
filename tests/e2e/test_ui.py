"""People use the pages of the running platform in Chromium."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from closecast.deals.synthetic.generator import generate
from services.ui import texts
from tests.e2e.browsing import (
    SCREENSHOTS,
    browser,
    faults,
    go_to,
    menu,
    press,
    settled,
    shown,
    sign_in,
    soon,
    text,
)
from tests.e2e.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
PASSWORD = "correct horse battery"
READERS = ["My week", "Pipeline", "One deal", "Forecast", "Past answers", "Models", "Still right?", "Alerts"]
SCORERS = [*READERS[:4], "Score a deal", "Check an export", *READERS[4:]]
PAGES = {"viewer": READERS, "scorer": SCORERS, "admin": [*SCORERS, "People", "Keys and audit", "Operations"]}


def person(platform: Platform, role: str) -> str:
    """The name of a person of this role."""
    name = f"{role}-of-the-tests"
    made = platform.api("POST", "/v1/users", json={"name": name, "role": role, "password": PASSWORD})
    assert made.status_code in (201, 409), made.text
    return name


# An admin's pages are all there are: a phone shows no others to the other roles.
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("role", "width"), [*((role, 1280) for role in PAGES), ("admin", 390)])
def test_every_page_of_a_role_can_be_read_by_everybody(platform: Platform, role: str, width: int, dark: bool) -> None:
    name = person(platform, role)
    with browser(width=width, dark=dark) as chrome:
        chrome.get(platform.address("ui"))
        sign_in(chrome, name, PASSWORD)
        for title in PAGES[role]:
            go_to(chrome, title)
            if width == 1280:
                assert menu(chrome) == PAGES[role]
            assert "Traceback" not in text(chrome)
            assert not shown(chrome, "[data-testid=stException]")
            theme = "dark" if dark else "light"
            chrome.save_screenshot(str(SCREENSHOTS / f"{title.rstrip('?')}-{role}-{width}-{theme}.png"))
            assert faults(chrome) == {}, title


def test_the_whole_story(platform: Platform, tmp_path: Path) -> None:
    # given
    name = person(platform, "scorer")
    file = tmp_path / "deals.csv"
    generate(1_500, seed=2).to_csv(file, index=False)
    with browser() as chrome:
        # when somebody opens the page, then it asks who that is, and shows nothing before
        chrome.get(platform.address("ui"))
        soon(chrome).until(lambda _: shown(chrome, "input[type=password]"))
        assert "My week" not in text(chrome)
        sign_in(chrome, name, PASSWORD)
        assert f"Signed in as {name} (scorer)" in text(chrome)
        # when an export is checked, then it is told what would be made of it
        go_to(chrome, "Check an export")
        soon(chrome).until(lambda _: chrome.find_elements(By.CSS_SELECTOR, "input[type=file]"))[0].send_keys(str(file))
        soon(chrome).until(lambda _: "deals.csv" in text(chrome))
        press(chrome, "Check this export")
        soon(chrome).until(lambda _: "A model can be trained on it" in text(chrome))
        assert "1,500" in text(chrome)
        # when its deals are scored, then each has its chance, or the reason why it has none
        press(chrome, "Score these deals")
        soon(chrome).until(lambda _: "deals have a chance" in text(chrome))
        settled(chrome)
        assert faults(chrome) == {}
        chrome.save_screenshot(str(SCREENSHOTS / "export-scored.png"))
        # when the pipeline is opened, then it is ranked, and can be taken away
        go_to(chrome, "Pipeline")
        soon(chrome).until(lambda _: shown(chrome, "[data-testid=stDataFrame]"))
        assert "Expected value" in text(chrome)
        assert len(shown(chrome, "[data-testid=stDownloadButton]")) == 2
        # when the forecast is opened, then it says what the quarter will bring, how sure that is, and how earlier ones did
        go_to(chrome, "Forecast")
        soon(chrome).until(lambda _: "Won revenue to expect" in text(chrome))
        settled(chrome)
        for said in ("8 times out of 10 it ends between", "had the result between their bounds", "To clean up"):
            assert said in text(chrome)
        # when a deal of the week is opened, then there is its chance, why, and past deals like it
        go_to(chrome, "My week")
        soon(chrome).until(lambda _: shown(chrome, "[data-testid=stPageLink] a"))[0].click()
        soon(chrome).until(lambda _: "Chance to be won by" in text(chrome))
        settled(chrome)
        assert "/deal?deal=" in chrome.current_url
        for said in ("Why", "Week by week", "Past deals like it", "What people expect"):
            assert said in text(chrome)
        assert faults(chrome) == {}
        # when it is disagreed with, then that stands there, with the name
        soon(chrome).until(lambda _: [one for one in shown(chrome, "label") if one.text == "a higher chance"])[
            0
        ].click()
        shown(chrome, "textarea")[0].send_keys("Their budget is approved.")
        press(chrome, "I disagree")
        soon(chrome).until(lambda _: "Your opinion is kept with the deal." in text(chrome))
        chrome.save_screenshot(str(SCREENSHOTS / "disagreed.png"))
        deal = chrome.current_url.partition("deal=")[2]
        [kept] = platform.api("GET", "/v1/opinions", params={"opportunity_id": deal}).json()["opinions"][:1]
        assert (kept["by_whom"], kept["expects"], kept["reason"]) == (name, "higher", "Their budget is approved.")
        # when that person signs out, then nothing more is shown
        press(chrome, "Sign out")
        soon(chrome).until(lambda _: shown(chrome, "input[type=password]"))
        soon(chrome).until(lambda _: "Chance to be won by" not in text(chrome))


def test_a_deal_is_scored(platform: Platform) -> None:
    with browser() as chrome:
        chrome.get(platform.address("ui"))
        sign_in(chrome, "closecast", platform.session.credentials.ui_password)
        go_to(chrome, "Score a deal")
        # when the engage date is missing, and then given
        press(chrome, "Score this deal")
        soon(chrome).until(lambda _: "has no engage date" in text(chrome))
        day = shown(chrome, "[data-testid=stForm] [data-testid=stDateInput]")[0]
        parts = day.find_elements(By.CSS_SELECTOR, "[role=spinbutton]")
        for part, said in zip(parts, ("20", "12", "2017"), strict=True):
            part.send_keys(said)
        chrome.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
        press(chrome, "Score this deal")
        # then its chance stands there
        soon(chrome).until(
            lambda _: "Chance to be won" in text(chrome) and shown(chrome, "[data-testid=stVegaLiteChart] svg")
        )
        settled(chrome)
        assert faults(chrome) == {}
        chrome.save_screenshot(str(SCREENSHOTS / "scoring.png"))
        assert "Traceback" not in text(chrome)


def test_numbers_and_dates_are_those_of_the_browser(platform: Platform) -> None:
    name = person(platform, "viewer")
    with browser(language="de-DE") as chrome:
        chrome.get(f"{platform.address('ui')}/pipeline")
        sign_in(chrome, name, PASSWORD)
        settled(chrome)
        expected = platform.api("GET", "/v1/pipeline?limit=1").json()["expected_value"]
        # words are English
        soon(chrome).until(lambda _: f"Expected value\n{expected:,.0f}".replace(",", ".") in text(chrome))
        assert "Chances to be won by " in text(chrome)


def test_two_browsers_at_once_see_what_is_theirs(platform: Platform) -> None:
    # given
    names = [person(platform, role) for role in ("viewer", "admin")]
    with browser() as one, browser() as other:
        for chrome, name in zip((one, other), names, strict=True):
            chrome.get(platform.address("ui"))
            sign_in(chrome, name, PASSWORD)
        # then
        assert (menu(one), menu(other)) == (PAGES["viewer"], PAGES["admin"])
        # when one leaves
        press(one, "Sign out")
        soon(one).until(lambda _: shown(one, "input[type=password]"))
        # then the other stays
        go_to(other, "People")
        soon(other).until(lambda _: names[0] in text(other) or shown(other, "[data-testid=stDataFrame]"))


def test_a_person_comes_through_the_gateway_and_leaves(platform: Platform) -> None:
    # given the day that the address below asks about
    as_of = date.fromisoformat(platform.api("GET", "/v1/model").json()["data_as_of"])
    asked = f"Chances to be won by {texts.day(as_of + timedelta(days=60))}."
    with browser("--ignore-certificate-errors") as chrome:
        # when somebody opens a page, and mistypes the password first
        chrome.get(f"{platform.address('gateway')}/pipeline?until=Within+60+days")
        soon(chrome).until(lambda _: shown(chrome, "#name"))
        chrome.save_screenshot(str(SCREENSHOTS / "sign-in.png"))
        assert faults(chrome) == {}
        chrome.find_element(By.ID, "name").send_keys("closecast")
        chrome.find_element(By.ID, "password").send_keys("a guess of somebody", Keys.ENTER)
        soon(chrome).until(lambda _: "The name or the password is wrong." in text(chrome))
        chrome.find_element(By.ID, "password").send_keys(platform.session.credentials.ui_password, Keys.ENTER)
        # then it is the page that was opened, as it was asked for, also when it is loaded again
        for _ in range(2):
            soon(chrome).until(lambda _: "Signed in as closecast (admin)" in text(chrome))
            soon(chrome).until(lambda _: asked in text(chrome))
            assert "/pipeline?until=Within" in chrome.current_url
            chrome.refresh()
        soon(chrome).until(lambda _: "Signed in as closecast (admin)" in text(chrome))
        # and no script of the page can read the session
        assert "closecast_session" not in chrome.execute_script("return document.cookie")
        cookie = chrome.get_cookie("closecast_session")
        assert cookie is not None
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
        # when that person signs out
        press(chrome, "Sign out")
        # then nothing more is shown, and the gateway asks again
        soon(chrome).until(lambda _: "Your session has ended." in text(chrome))
        chrome.get(platform.address("gateway"))
        soon(chrome).until(lambda _: shown(chrome, "#password"))
        assert "/sign-in" in chrome.current_url
