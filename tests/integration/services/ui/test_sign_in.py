"""The form, and who is shown what before and after it."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from services.ui import page
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import come_with, press, sign_in, texts, title

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("shown", ["", "another token", "the-tokens", "\u00e9"])
def test_who_has_not_signed_in_sees_nothing_but_the_question(
    shown: str, app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    come_with(shown, monkeypatch)
    # when / then
    app.run()
    assert [box.label for box in app.text_input] == ["Name", "Password"]
    assert title(app) is None
    # when the password is wrong, and then right
    sign_in(app, "ada", "the-passwor")
    assert [one.value for one in app.error] == ["The name or the password is wrong."]
    assert title(app) is None
    sign_in(app, "ada", "the-password")
    assert title(app)
    # then it is asked for once
    app.run()
    assert title(app)
    assert "Signed in as ada (scorer)" in texts(app)


def test_a_session_that_has_ended_is_told_and_begun_anew(app: AppTest, api: ApiDouble) -> None:
    # given
    app.run()
    assert title(app)
    # when it is ended elsewhere
    api.tokens.clear()
    st.cache_data.clear()  # what five seconds do
    app.run()
    # then
    assert app.caption[0].value == "Your session has ended."
    assert title(app) is None
    sign_in(app, "ada", "the-password")
    assert title(app)


def test_behind_the_gateway_the_way_to_the_other_page_is_shown(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    come_with("", monkeypatch)
    assert not any("sign-in page" in one.value for one in app.run().markdown)
    come_with("", monkeypatch, {"X-Forwarded-Host": "closecast.example"})
    assert any("[sign-in page](/sign-in)" in one.value for one in app.run().markdown)


def test_signed_out_is_out_at_once(app: AppTest, api: ApiDouble) -> None:
    # given
    app.run()
    # when
    press(app, "Sign out")
    # then
    assert title(app) is None
    assert [box.label for box in app.text_input] == ["Name", "Password"]
    assert api.tokens == set()


def test_a_locked_name_is_told_until_when(app: AppTest, api: ApiDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    detail = "too many wrong passwords for this name; try again at 09:30 UTC"
    api.override["/v1/sign-in"] = (429, {"title": "Too Many Requests", "detail": detail})
    come_with("", monkeypatch)
    app.run()
    # when
    sign_in(app, "ada", "the-password")
    # then
    assert "try again at 09:30 UTC" in app.error[0].value


def test_what_one_person_was_shown_is_not_shown_to_the_next(
    app: AppTest, api: ApiDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    app.run()
    assert title(app)
    # when somebody comes whose role may not, within the seconds for which answers are kept
    api.tokens.add("another-token")
    api.override["/v1/model"] = (403, {"title": "Forbidden", "detail": "this needs the role viewer"})
    come_with("another-token", monkeypatch)
    other = AppTest.from_file(page.__file__, default_timeout=60).run()
    # then
    assert title(other) is None
    assert "needs the role viewer" in other.error[0].value
