"""The page "Alerts"."""

import pytest
from streamlit.testing.v1 import AppTest

from services.ui import queries
from tests.integration.services.ui.answers import SILENCE
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import field, opened, press, table

pytestmark = pytest.mark.integration


def test_open_alerts_are_shown_pages_first_and_do_nothing(app: AppTest, api: ApiDouble) -> None:
    # given
    times = {"opened_at": "2026-11-28T12:00:00+00:00", "refreshed_at": "2026-11-28T12:00:00+00:00", "labels": {}}
    hostile = "=cmd ![x](https://evil.example) <b>bold</b>"
    note = {"rule": "data_quality", "key": "a", "severity": "note", "summary": hostile, "description": "", **times}
    page = {
        "rule": "harmful_proved",
        "key": "b",
        "severity": "page",
        "summary": "Harm",
        "description": "Much",
        **times,
    }
    links = {"report": "https://localhost/report", "run": "javascript:alert(1)"}
    api.override["/v1/alerts"] = 200, {"alerts": [{**note, "links": {}}, {**page, "links": links}]}
    # when
    opened(app, "alerts")
    # then
    [shown] = [one.value for one in app.error]
    assert shown.startswith("**Harm**")
    assert "<https://localhost/report>" in shown
    assert "javascript\\:alert" in shown
    [shown] = [one.value for one in app.warning]
    assert "![x](" not in shown
    assert "<b>" not in shown


def test_without_an_alert_the_page_says_so_and_without_an_answer_why(app: AppTest, api: ApiDouble) -> None:
    opened(app, "alerts")
    assert [one.value for one in app.success] == ["No alert is open."]
    api.override["/v1/alerts"] = 503, {"title": "x", "detail": "the database cannot be used now"}
    queries.alerts.clear()
    opened(app, "alerts")
    assert [one.value for one in app.error if "The database cannot be used now" in one.value]


OPEN = {
    "rule": "data_quality",
    "key": "a",
    "severity": "note",
    "summary": "Much was set aside",
    "description": "",
    "links": {},
    "labels": {},
    "opened_at": "2026-11-28T12:00:00+00:00",
    "refreshed_at": "2026-11-28T12:00:00+00:00",
}


def test_an_admin_silences_a_rule_and_ends_it(admins: AppTest, api: ApiDouble) -> None:
    # given
    api.override["/v1/alerts"] = (200, {"alerts": [OPEN]})
    opened(admins, "alerts")
    # when no reason is given
    press(admins, "Silence")
    assert "Say why" in admins.info[-1].value
    # and when one is
    field(admins, "selectbox", "For").select("a day")
    field(admins, "text_input", "Because").input("being repaired")
    press(admins, "Silence")
    # then
    assert api.asked == [("/v1/alerts/silences", {"rule": "data_quality", "hours": 24, "why": "being repaired"})]
    assert "until 2026-11-29 12:00 UTC" in admins.success[0].value
    silenced = table(admins, "Why")
    assert silenced.iloc[0].tolist() == [3, "data_quality of key crm", "2026-11-29 12:00", "bob", "being repaired"]
    # when it is ended
    press(admins, "End")
    assert api.asked[-1] == ("/v1/alerts/silences/3", {})
    assert "Silence 3 has ended." in admins.success[0].value
    assert not admins.exception


def test_others_see_what_is_silenced_and_cannot_change_it(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/alerts"] = (200, {"alerts": [OPEN]})
    api.silences.append(SILENCE)
    opened(app, "alerts")
    assert table(app, "Why") is not None
    assert not {"Silence", "End"} & {one.label for one in app.button}
