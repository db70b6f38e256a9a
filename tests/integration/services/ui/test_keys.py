"""The page "Keys and audit"."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import field, opened, press, table

pytestmark = pytest.mark.integration


@pytest.fixture
def admins(admins: AppTest) -> AppTest:
    return opened(admins, "keys")


def test_an_admin_sees_keys_and_what_was_done(admins: AppTest) -> None:
    keys = table(admins, "Last used")
    assert keys["Key"].tolist() == ["aaaaaaaaaaaa", "cccccccccccc"]
    assert keys["Last used"].tolist() == ["2026-11-02 09:30", "never"]
    acts = table(admins, "To what")
    assert acts["Who"].tolist() == ["user:ada"]


def test_the_log_is_checked_when_that_is_asked_for(admins: AppTest, api: ApiDouble) -> None:
    press(admins, "Check that nothing was changed")
    assert "1 entry, unbroken from the first to the last." in admins.success[-1].value
    api.override["/v1/audit/verification"] = (200, {"intact": False, "entries": 9, "fault": "entry 3 was changed"})
    press(admins, "Check that nothing was changed")
    assert "The log was tampered with: entry 3 was changed" in admins.error[-1].value


def test_an_admin_makes_a_key_and_sees_it_once(admins: AppTest, api: ApiDouble) -> None:
    # when
    field(admins, "text_input", "What for").input("reports")
    field(admins, "selectbox", "Valid for").select("until it is revoked")
    press(admins, "Make")
    # then
    assert api.asked == [("/v1/keys", {"name": "reports", "role": "scorer", "expires_in_days": None})]
    assert [one.value for one in admins.code] == ["cc_bbbbbbbbbbbb_secret"]
    # when the page is drawn again
    admins.run()
    assert not admins.code


def test_a_key_is_revoked_by_who_means_it(admins: AppTest, api: ApiDouble) -> None:
    # when only chosen
    field(admins, "selectbox", "Which").select("aaaaaaaaaaaa")
    press(admins, "Revoke")
    assert "say that you mean it" in admins.info[-1].value
    assert api.asked == []
    # and when meant
    field(admins, "checkbox", "Its programs are to be refused from now on").check()
    press(admins, "Revoke")
    assert api.asked == [("/v1/keys/aaaaaaaaaaaa", {})]
    assert "The key aaaaaaaaaaaa is revoked." in admins.success[-1].value


def test_keys_that_cannot_be_had_are_a_sentence(admins: AppTest, api: ApiDouble) -> None:
    api.override["/v1/keys"] = (503, {"title": "…", "detail": "the database does not answer; try again"})
    st.cache_data.clear()  # what five seconds do
    admins.run()
    assert "database does not answer" in admins.error[0].value
    assert not admins.exception
