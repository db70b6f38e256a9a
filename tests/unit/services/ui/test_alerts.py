"""The page "Alerts"."""

from streamlit.testing.v1 import AppTest

from services.ui import queries
from tests.unit.services.ui.api_double import ApiDouble
from tests.unit.services.ui.driving import opened


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
