"""The page "People", and everybody's own password."""

from datetime import date

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.integration.services.ui.answers import USER
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import field, opened, press, table

pytestmark = pytest.mark.integration


@pytest.fixture
def admins(admins: AppTest) -> AppTest:
    return opened(admins, "people")


def test_an_admin_sees_who_may_sign_in(admins: AppTest) -> None:
    shown = table(admins, "Password of")
    assert shown["Name"].tolist() == ["ada", "bob"]
    assert shown["Added"].tolist() == [date(2026, 11, 1)] * 2
    assert not admins.exception


def test_who_is_signed_in_by_a_provider_is_listed_as_such(admins: AppTest, api: ApiDouble) -> None:
    theirs = {**USER, "name": "corp:eve@example.com", "password_changed_at": None}
    api.override["/v1/users"] = (200, {"users": [USER, theirs]})
    st.cache_data.clear()
    shown = table(admins.run(), "Password of")
    assert shown["Signs in with"].tolist() == ["a password", "corp"]


def test_who_has_no_password_here_is_offered_no_other(app: AppTest, api: ApiDouble) -> None:
    assert "Old password" in [one.label for one in app.run().text_input]
    # when
    me = {"id": "user:1", "name": "corp:ada", "kind": "user", "role": "scorer", "has_password": False}
    api.override["/v1/me"] = (200, me)
    st.cache_data.clear()
    # then
    assert "Old password" not in [one.label for one in app.run().text_input]


def test_an_admin_adds_somebody_and_sees_the_password_once(admins: AppTest, api: ApiDouble) -> None:
    # when
    field(admins, "text_input", "Name or e-mail address").input(" Eve@Example.com ")
    press(admins, "Add")
    # then
    assert api.asked == [("/v1/users", {"name": "eve@example.com", "role": "scorer"})]
    assert "may sign in now" in admins.success[-1].value
    assert [one.value for one in admins.code] == ["made-up"]
    assert "eve@example.com" in table(admins, "Password of")["Name"].tolist()
    # when the page is drawn again
    admins.run()
    # then
    assert not admins.code


def test_a_name_that_is_taken_is_told(admins: AppTest) -> None:
    field(admins, "text_input", "Name or e-mail address").input("bob")
    press(admins, "Add")
    assert "here is a user bob already" in admins.error[-1].value


def test_an_admin_changes_others_but_not_the_own_rights(admins: AppTest, api: ApiDouble) -> None:
    # given
    assert field(admins, "selectbox", "Who").options == ["bob"]
    # when nothing is chosen
    press(admins, "Change")
    assert "Choose who is to change, and what." in admins.info[-1].value
    # and when something is
    field(admins, "selectbox", "Who").select("bob")
    field(admins, "selectbox", "Sign-in").select("disabled")
    field(admins, "checkbox", "Make up a new password, and unlock the name").check()
    press(admins, "Change")
    # then
    assert api.asked == [("/v1/users/bob", {"disabled": True, "new_password": True})]
    assert "(scorer, disabled) is changed" in admins.success[-1].value
    assert [one.value for one in admins.code] == ["made-up"]


def test_people_that_cannot_be_had_are_a_sentence(admins: AppTest, api: ApiDouble) -> None:
    detail = "the database does not answer; see what was done before trying again"
    api.override["/v1/users"] = (503, {"title": "The service cannot answer this now", "detail": detail})
    st.cache_data.clear()  # what five seconds do
    admins.run()
    assert "database does not answer" in admins.error[0].value
    assert not admins.exception


@pytest.mark.parametrize(("old", "told"), [("the-password", "success"), ("a guess", "error")])
def test_the_own_password_is_changed_by_who_knows_it(app: AppTest, old: str, told: str) -> None:
    # given
    app.run()
    # when
    field(app, "text_input", "Old password").input(old)
    field(app, "text_input", "New password").input("correct horse battery")
    press(app, "Change password")
    # then
    words = {"success": "The password is changed.", "error": "The old password is wrong."}
    assert words[told] in getattr(app, told)[0].value
    assert not app.exception
