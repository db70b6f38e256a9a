"""A newcomer uses the running platform: through the API, the command line and the browser."""

import json
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from closecast.deals.synthetic.generator import generate
from ops import paths
from ops.nomad import jobs
from tests.e2e.conftest import PROJECT, Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
SCREENSHOTS = PROJECT / ".closecast" / "screenshots"


def test_every_job_is_healthy(platform: Platform) -> None:
    printed = platform.just("status")
    assert printed.count("healthy") == len(jobs.runnable()) + 1  # Nomad itself too


def test_curl_gets_a_prediction_of_the_champion(platform: Platform) -> None:
    # given
    key = platform.just("api-key").strip()
    body = json.dumps({"deal": {"engage_date": "2017-11-20", "product": "GTX Pro"}, "as_of": "2017-12-01"})
    command = [
        "curl",
        "-sS",
        "--fail",
        f"{platform.address('api')}/v1/predictions",
        "-H",
        f"X-API-Key: {key}",
        "-H",
        "Content-Type: application/json",
        "-d",
        body,
    ]
    # when
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    # then
    assert 0 < answer["probability"] < 1
    assert answer["by"] == "2017-12-31"
    assert answer["probability"] == answer["probabilities"]["quarter_end"]
    assert answer["model"]["version"] == platform.api("GET", "/v1/model").json()["version"]


def test_a_prediction_is_computed_again_without_touching_the_apis_copies(platform: Platform) -> None:
    # given a prediction, in the journal
    body = {"deal": {"engage_date": "2017-11-21", "product": "GTX Pro"}, "as_of": "2017-12-01"}
    made = platform.api("POST", "/v1/predictions", json=body).json()["id"]
    platform.eventually(lambda: platform.api("GET", f"/v1/predictions/{made}").status_code == 200, "the record")
    # then
    assert "bit-identical" in platform.just("replay", made)
    copies = paths.state() / "models"
    assert {path.owner() for path in copies.rglob("*")} == {copies.owner()}


def test_without_a_key_nothing_is_answered(platform: Platform) -> None:
    import httpx

    assert httpx.get(f"{platform.address('api')}/v1/model").status_code == 401


def test_predict_scores_a_csv(platform: Platform, tmp_path: Path) -> None:
    # given two open deals and one that is won
    file = tmp_path / "deals.csv"
    file.write_text(
        "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"
        "A1,Ada Berg,GTXPro,,Engaging,2017-12-20,,\nA2,Ada Berg,MG Special,,Engaging,12/1/2017,,\n"
        "A3,Ada Berg,MG Special,,Won,2017-01-01,2017-03-01,55\n"
    )
    # when
    printed = platform.just("predict", str(file))
    # then
    assert "2 deals scored, 1 not" in printed
    assert "GTX Pro" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan",),
        ("demo",),
        ("logs", "api"),
        ("logs", "nomad"),
        ("prefect-status",),
        ("prefect-status-all",),
        ("prefect-logs",),
        ("doctor",),
    ],
)
def test_the_commands_that_only_look_succeed(platform: Platform, arguments: tuple[str, ...]) -> None:
    assert platform.just(*arguments).strip()


def test_prefect_is_driven_from_the_command_line(platform: Platform) -> None:
    # given the deployment, registered anew
    assert "deployment train/closecast" in platform.just("prefect-deploy")
    # when it is paused and resumed
    assert "paused" in platform.just("prefect-pause", "train/closecast")
    assert "active" in platform.just("prefect-resume", "train/closecast")
    # then it still runs, with its parameters
    assert "completed" in platform.just("prefect-run", "train/closecast", "source=synthetic:3000")
    assert platform.just("prefect-clean", "days=30").startswith("deleted ")
    # and server and worker stop and come back with their runs
    platform.just("prefect-stop")
    assert "stopped" in platform.just("status", fails=True)
    platform.just("prefect-start")
    assert "completed" in platform.just("prefect-status")


def test_a_restarted_job_comes_back(platform: Platform) -> None:
    platform.just("restart", "ui")
    platform.wait_until_healthy("ui")


def test_plan_finds_nothing_to_change(platform: Platform) -> None:
    printed = platform.just("plan")
    assert "create" not in printed
    assert "destroy" not in printed


def _browser(*more: str) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1400", *more):
        options.add_argument(argument)
    options.binary_location = "/usr/bin/chromium"
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def test_mlflows_pages_open_with_the_password(platform: Platform) -> None:
    # given
    place, login = urlsplit(platform.address("mlflow")), platform.session.credentials.mlflow_login
    browser = _browser()
    try:
        soon = WebDriverWait(browser, 60)
        # when the browser has no password to show
        browser.get(f"{place.geturl()}/#/models/closecast")
        assert "champion" not in browser.page_source
        # and when it was typed in
        browser.get(f"http://{login.user}:{login.password}@{place.netloc}/version")
        browser.get(f"{place.geturl()}/#/models/closecast")
        # then
        soon.until(lambda _: "@ champion" in _text(browser))
        browser.save_screenshot(str(SCREENSHOTS / "mlflow.png"))
    finally:
        browser.quit()


def test_a_person_ranks_and_scores_in_the_browser(platform: Platform) -> None:
    # given
    browser = _browser()
    try:
        # when the page is opened
        browser.get(platform.address("ui"))
        soon = WebDriverWait(browser, 60)
        # then it asks who that is, and for whom it knows the pipeline is ranked
        soon.until(lambda _: _shown(browser, "input[type=password]"))
        assert "Open deals" not in _text(browser)
        _sign_in(browser, platform)
        soon.until(
            lambda _: (
                "Open deals" in _text(browser) and browser.find_elements(By.CSS_SELECTOR, "[data-testid=stDataFrame]")
            )
        )
        assert "Traceback" not in _text(browser)
        assert "Signed in as closecast (admin)" in _text(browser)
        browser.save_screenshot(str(SCREENSHOTS / "ranking.png"))
        # when a deal is scored without its engage date, and then with it
        browser.find_elements(By.CSS_SELECTOR, "[role=tab]")[1].click()
        submit = soon.until(lambda _: _shown(browser, "[data-testid=stFormSubmitButton] button"))[0]
        submit.click()
        soon.until(lambda _: "has no engage date" in _text(browser))
        day = _shown(browser, "[data-testid=stForm] [data-testid=stDateInput]")[0]
        for part, text in zip(
            day.find_elements(By.CSS_SELECTOR, "[role=spinbutton]"), ("2017", "12", "20"), strict=True
        ):
            part.send_keys(text)
        browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
        submit.click()
        # then its chance stands there
        soon.until(
            lambda _: "Chance to be won" in _text(browser) and _shown(browser, "[data-testid=stVegaLiteChart] svg")
        )
        browser.save_screenshot(str(SCREENSHOTS / "scoring.png"))
        assert "Traceback" not in _text(browser)
    finally:
        browser.quit()


def test_a_person_checks_an_export_in_the_browser(platform: Platform, tmp_path: Path) -> None:
    # given
    file = tmp_path / "deals.csv"
    generate(1_500, seed=2).to_csv(file, index=False)
    browser = _browser()
    try:
        browser.get(platform.address("ui"))
        soon = WebDriverWait(browser, 60)
        soon.until(lambda _: _shown(browser, "input[type=password]"))
        _sign_in(browser, platform)
        soon.until(lambda _: len(browser.find_elements(By.CSS_SELECTOR, "[role=tab]")) > 2)
        browser.find_elements(By.CSS_SELECTOR, "[role=tab]")[2].click()
        # when the file is uploaded
        upload = soon.until(lambda _: browser.find_elements(By.CSS_SELECTOR, "input[type=file]"))[0]
        upload.send_keys(str(file))
        soon.until(lambda _: "deals.csv" in _text(browser))
        next(button for button in _shown(browser, "button") if "Check this export" in button.text).click()
        # then it is told what would be made of it
        soon.until(lambda _: "A model can be trained on it" in _text(browser))
        assert "1,500" in _text(browser)
        browser.save_screenshot(str(SCREENSHOTS / "checking.png"))
    finally:
        browser.quit()


def test_a_person_comes_through_the_gateway_and_leaves(platform: Platform) -> None:
    # given
    browser = _browser("--ignore-certificate-errors")
    try:
        # Streamlit draws the page in pieces: what was found may have been drawn anew.
        soon = WebDriverWait(browser, 60, ignored_exceptions=(NoSuchElementException, StaleElementReferenceException))
        # when somebody opens the page, and mistypes the password first
        browser.get(f"{platform.address('gateway')}/?from=a-mail")
        soon.until(lambda _: _shown(browser, "#name"))
        browser.save_screenshot(str(SCREENSHOTS / "sign-in.png"))
        browser.find_element(By.ID, "name").send_keys("closecast")
        browser.find_element(By.ID, "password").send_keys("a guess of somebody", Keys.ENTER)
        soon.until(lambda _: "The name or the password is wrong." in _text(browser))
        browser.find_element(By.ID, "password").send_keys(platform.session.credentials.ui_password, Keys.ENTER)
        # then it is the page that was opened, also when it is loaded again
        soon.until(lambda _: "Signed in as closecast (admin)" in _text(browser))
        assert browser.current_url.endswith("/?from=a-mail")
        browser.refresh()
        soon.until(lambda _: "Signed in as closecast (admin)" in _text(browser))
        # and no script of the page can read the session
        assert "closecast_session" not in browser.execute_script("return document.cookie")
        cookie = browser.get_cookie("closecast_session")
        assert cookie is not None
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
        # when that person signs out
        way_out = soon.until(lambda _: [one for one in _shown(browser, "button") if one.text == "Sign out"])
        way_out[0].click()
        # then nothing more is shown, and the gateway asks again
        soon.until(lambda _: "Your session has ended." in _text(browser))
        browser.get(platform.address("gateway"))
        soon.until(lambda _: _shown(browser, "#password"))
        assert "/sign-in" in browser.current_url
    finally:
        browser.quit()


def _sign_in(browser: webdriver.Chrome, platform: Platform) -> None:
    """Sign in on the page itself, past the gateway."""
    _shown(browser, "input[type=text]")[0].send_keys("closecast")
    _shown(browser, "input[type=password]")[0].send_keys(platform.session.credentials.ui_password, Keys.ENTER)


def _text(browser: webdriver.Chrome) -> str:
    """What the page says."""
    return browser.find_element(By.TAG_NAME, "body").text


def _shown(browser: webdriver.Chrome, selector: str) -> list[WebElement]:
    """The elements that a person sees."""
    return [element for element in browser.find_elements(By.CSS_SELECTOR, selector) if element.is_displayed()]
