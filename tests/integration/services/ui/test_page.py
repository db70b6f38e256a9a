"""What is above the page that was asked for: navigation by role, the model, and what is wrong."""

import os

import pytest
from streamlit.testing.v1 import AppTest

from services.ui import page
from tests.integration.services.ui.answers import MODEL, NO_MODEL
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import opened, press, texts, title

pytestmark = pytest.mark.integration

VIEWS = sorted(file.stem for file in page.VIEWS.glob("[a-z]*.py"))
FOR_SCORERS, FOR_ADMINS = {"score", "check"}, {"people", "keys", "operations"}


@pytest.mark.parametrize("role", ["viewer", "scorer", "admin"])
@pytest.mark.parametrize("name", VIEWS)
def test_a_page_is_there_for_who_may_use_it(app: AppTest, api: ApiDouble, role: str, name: str) -> None:
    # given
    api.override["/v1/me"] = (200, {"id": "user:1", "name": "ada", "kind": "user", "role": role, "has_password": True})
    may = (role == "admin" or name not in FOR_ADMINS) and (role != "viewer" or name not in FOR_SCORERS)
    # when / then
    if not may:
        with pytest.raises(ValueError, match="not"):
            opened(app, name)
        return
    opened(app, name)
    assert not app.exception
    assert title(app)


def test_the_model_is_told_and_how_good_it_is(app: AppTest) -> None:
    app.run()
    assert title(app) == "My week"
    assert "version 3 · trained on 2 January 2018 from synthetic data" in texts(app)
    assert "0.412 by quarter end (base rate 0.523)" in texts(app)


def test_absent_metrics_are_tolerated(app: AppTest, api: ApiDouble) -> None:
    # given
    api.override["/v1/model"] = (200, {**MODEL, "metrics": {}, "reference_metrics": {}})
    # when
    app.run()
    # then
    assert "Log loss" not in texts(app)
    assert title(app)
    assert not app.exception


def test_a_baseline_is_called_one(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/model"] = (200, {**MODEL, "kind": "baseline"})
    app.run()
    assert "These are **baseline** chances" in app.info[0].value


def test_an_api_that_is_down_is_named_and_asked_again(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    app_url = os.environ["CLOSECAST_API_URL"]
    monkeypatch.setenv("CLOSECAST_API_URL", "http://127.0.0.1:1")
    # when
    app.run()
    # then
    assert not app.exception
    assert "does not answer at http://127.0.0.1:1" in app.warning[0].value
    assert title(app) is None
    # when: it is back
    monkeypatch.setenv("CLOSECAST_API_URL", app_url)
    press(app, "Try again")
    # then
    assert title(app)
    assert not app.warning


def test_an_api_without_a_model_says_so_and_is_not_remembered(app: AppTest, api: ApiDouble) -> None:
    # given
    api.override["/v1/model"] = NO_MODEL
    # when
    app.run()
    # then
    assert "the first one is being trained" in app.warning[0].value
    assert not app.exception
    # when: it has been trained
    api.override.clear()
    press(app, "Try again")
    # then
    assert title(app)


def test_a_refusal_is_a_sentence(app: AppTest, api: ApiDouble) -> None:
    # given
    api.override["/v1/model"] = (401, {"title": "Unauthorized", "detail": "the session is not known"})
    # when
    app.run()
    # then
    assert app.error[0].value == "The prediction service does not let this page in. The session is not known."
    assert not app.exception
