"""The page "Still right?"."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.integration.services.ui.answers import SAID
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import opened, table, texts

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("steady", "The answers are as good as they were when they came into use. As of 31 January 2018."),
        ("shifted", "That alone does not make the answers worse."),
        ("harmful, proved", "deals ended otherwise than they say. New ones are being learnt."),
        ("not judged", "Nothing can be said yet."),
    ],
)
def test_what_monitoring_found_is_one_plain_sentence(verdict: str, words: str, app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/monitoring"] = (200, {"verdicts": [{**SAID, "verdict": verdict}]})
    opened(app, "still_right")
    assert not app.exception
    shown = app.warning if verdict.startswith("harmful") else app.info
    assert any(words in one.value for one in shown)
    assert "log loss" not in "".join(one.value for one in shown)
    # and the reasons are one click away
    assert "- 1,200 predictions with outcomes prove no harm" in texts(app)


def test_drift_and_performance_are_one_click_away(app: AppTest) -> None:
    opened(app, "still_right")
    drift = table(app, "Distance")
    assert drift["Column"].tolist() == ["age_days", "days_to_quarter_end", "price"]
    assert drift["State"].tolist() == ["drift", "stable", "not judged"]
    assert table(app, "Share won")[["Month", "Deals", "Log loss"]].to_numpy().tolist() == [["2018-01", 400, 0.41]]


def test_before_anything_is_known_that_is_said(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/monitoring"] = (200, {"verdicts": [{**SAID, "verdict": "not judged", "figures": {}}]})
    opened(app, "still_right")
    assert "Nothing was compared" in texts(app)
    assert "No prediction has matured yet" in texts(app)


def test_before_the_first_look_the_page_says_so(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/monitoring"] = (200, {"verdicts": []})
    opened(app, "still_right")
    assert any("Nobody has looked yet" in one.value for one in app.info)


def test_an_outage_is_a_sentence(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/monitoring"] = (503, {"title": "…", "detail": "the database does not answer"})
    opened(app, "still_right")
    assert any("The database does not answer" in one.value for one in app.error)
    assert not app.exception
