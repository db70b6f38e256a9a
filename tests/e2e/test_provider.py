"""Sign-in with an OpenID provider as an operator sets it up and a person uses it, through the gateway in Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.e2e.browsing import SCREENSHOTS, browser, press, shown, soon, text
from tests.e2e.conftest import Platform
from tests.provider import SECRET, configured, person, real_provider

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def printed(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the command printed; people may sign in with a provider meanwhile."""
    file = tmp_path_factory.mktemp("provider") / "provider.yaml"
    with real_provider(person("a1", "ada@example.com", "sales"), person("g1", "grace@example.com", "marketing")) as url:
        file.write_text(configured(url))  # JSON is YAML
        try:
            said = platform.just("sign-in-provider", str(file))
            platform.wait_until_healthy("api", "gateway")
            yield said
        finally:
            removed = platform.just("sign-in-provider", "--remove")
    assert "passwords only" in removed
    platform.wait_until_healthy("api", "gateway")


def _offered(platform: Platform) -> str:
    platform.eventually(
        lambda: "Example &amp; Co" in platform.api("GET", "/sign-in").text, "the button of the provider"
    )
    return platform.address("gateway")


def test_the_command_tells_what_to_register_and_no_secret(platform: Platform, printed: str) -> None:
    assert f"register this address there: {platform.address('gateway')}/sign-in/callback" in printed
    assert "sales: scorer, sales-ops: admin" in printed
    again = platform.just("sign-in-provider")
    assert "people may sign in with Example & Co" in again
    assert SECRET not in printed + again


@pytest.mark.usefixtures("printed")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not YAML"),
        ("", "is empty"),
        (configured("https://id.example", roles={}), "nobody could sign in"),
        (configured("http://127.0.0.1:9"), "nothing is changed: Example & Co does not answer"),
    ],
)
def test_a_provider_that_cannot_be_changes_nothing(
    platform: Platform, tmp_path: Path, content: str, words: str
) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(content)
    said = platform.just("sign-in-provider", str(file), fails=True)
    assert words in said
    assert SECRET not in said
    assert "people may sign in with Example & Co" in platform.just("sign-in-provider")


@pytest.mark.usefixtures("printed")
def test_a_person_signs_in_with_the_provider_and_out_again(platform: Platform) -> None:
    address = _offered(platform)
    with browser("--ignore-certificate-errors") as chrome:
        chrome.get(f"{address}/pipeline")
        soon(chrome).until(lambda _: shown(chrome, "a.provider"))
        chrome.save_screenshot(str(SCREENSHOTS / "provider.png"))
        chrome.find_element(By.CSS_SELECTOR, "a.provider").click()
        # the provider's own page
        soon(chrome).until(lambda _: shown(chrome, "button[value=a1]"))[0].click()
        # A provider of an earlier run had another address, and its ada has the name.
        soon(chrome).until(
            lambda _: re.search(r"Signed in as corp:ada@example\.com(\+\w{12})? \(scorer\)", text(chrome))
        )
        assert chrome.current_url == f"{address}/pipeline"
        assert "Password" not in [one.text for one in shown(chrome, "button")]
        assert {one["name"] for one in chrome.get_cookies()} & {"closecast_session", "__Host-closecast_sign_in"} == {
            "closecast_session"
        }
        press(chrome, "Sign out")
        soon(chrome).until(lambda _: shown(chrome, "a[href='/sign-in']"))


@pytest.mark.usefixtures("printed")
def test_who_has_no_role_stays_outside(platform: Platform) -> None:
    address = _offered(platform)
    with browser("--ignore-certificate-errors") as chrome:
        chrome.get(address)
        soon(chrome).until(lambda _: shown(chrome, "a.provider"))[0].click()
        soon(chrome).until(lambda _: shown(chrome, "button[value=g1]"))[0].click()
        soon(chrome).until(lambda _: "gives you no role here" in text(chrome))
        chrome.get(address)
        soon(chrome).until(lambda _: shown(chrome, "a.provider"))
