"""People at the door of the pages in Chromium: too many guesses, a session that is ended, and the API away and back."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from tests.e2e.browsing import SCREENSHOTS, browser, go_to, press, shown, sign_in, soon, text
from tests.e2e.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
PASSWORD = "correct horse battery"


def _person(platform: Platform, name: str, role: str = "viewer") -> str:
    made = platform.api("POST", "/v1/users", json={"name": name, "role": role, "password": PASSWORD})
    assert made.status_code in (201, 409), made.text
    return name


def _try(chrome: webdriver.Chrome, name: str, password: str) -> None:
    soon(chrome).until(lambda _: shown(chrome, "input[type=password]"))
    for selector, value in (("input[type=text]", name), ("input[type=password]", password)):
        field = shown(chrome, selector)[0]
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(value)
    field.send_keys(Keys.ENTER)


@contextmanager
def _frozen(platform: Platform) -> Iterator[None]:
    """The API's processes get no time: it neither answers nor refuses."""
    processes = platform.processes("api", "api")
    assert processes
    for one in processes:
        one.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for one in processes:
            one.send_signal(signal.SIGCONT)


def test_who_guesses_too_often_is_locked_out_also_with_the_right_password(platform: Platform) -> None:
    name = _person(platform, "guessed-of-the-tests")
    with browser() as chrome:
        chrome.get(platform.address("ui"))
        for _ in range(5):
            _try(chrome, name, "a guess of somebody")
            soon(chrome).until(lambda _: "The name or the password is wrong." in text(chrome))
        _try(chrome, name, PASSWORD)
        soon(chrome).until(lambda _: "too many wrong passwords" in text(chrome).lower())
        chrome.save_screenshot(str(SCREENSHOTS / "locked.png"))
        assert "Signed in as" not in text(chrome)


def test_a_person_who_is_let_out_sees_nothing_more_on_a_page_that_is_open(platform: Platform) -> None:
    # given an open page
    name = _person(platform, "leaver-of-the-tests")
    platform.api("PATCH", f"/v1/users/{name}", json={"disabled": False})
    with browser() as chrome:
        chrome.get(platform.address("ui"))
        sign_in(chrome, name, PASSWORD)
        go_to(chrome, "Pipeline")
        soon(chrome).until(lambda _: "Expected value" in text(chrome))
        # when an admin disables the person
        assert platform.api("PATCH", f"/v1/users/{name}", json={"disabled": True}).status_code == 200
        platform.eventually(lambda: _is_asked_who(chrome), "the page asks who that is", 30)
        # then nothing of the deals is there any more, and the password does not help
        assert "Your session has ended." in text(chrome)
        assert "Expected value" not in text(chrome)
        _try(chrome, name, PASSWORD)
        soon(chrome).until(lambda _: "The name or the password is wrong." in text(chrome))


def _is_asked_who(chrome: webdriver.Chrome) -> bool:
    """Whether the page asks who that is once something is clicked."""
    if shown(chrome, "input[type=password]"):
        return True
    links = shown(chrome, "[data-testid=stSidebarNavLink]")
    if links:
        links[0].click()
    return bool(shown(chrome, "input[type=password]"))


def test_a_page_says_that_the_api_is_away_and_goes_on_by_itself(platform: Platform) -> None:
    name = _person(platform, "waiter-of-the-tests")
    with browser() as chrome:
        chrome.get(platform.address("ui"))
        sign_in(chrome, name, PASSWORD)
        # when the API answers nothing
        with _frozen(platform):
            [link] = [one for one in shown(chrome, "[data-testid=stSidebarNavLink]") if "Pipeline" in one.text]
            link.click()
            soon(chrome, 90).until(lambda _: "The prediction service does not answer" in text(chrome))
            assert "This page tries again every few seconds." in text(chrome)
            chrome.save_screenshot(str(SCREENSHOTS / "away.png"))
            assert "Traceback" not in text(chrome)
        # then it is there again once the API is, and nobody has signed in anew
        soon(chrome, 120).until(lambda _: "Expected value" in text(chrome))
        assert f"Signed in as {name} (viewer)" in text(chrome)
        press(chrome, "Sign out")
        soon(chrome).until(lambda _: shown(chrome, "input[type=password]"))
    platform.wait_until_healthy("api")
