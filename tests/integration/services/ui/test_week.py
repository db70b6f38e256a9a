"""The page "My week"."""

import pytest
from streamlit.testing.v1 import AppTest

from services.ui import texts as words
from tests.integration.services.ui.answers import DEAL, MODEL, OUTLOOK
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import texts

pytestmark = pytest.mark.integration

COMMON = {
    "as_of": "2017-12-01",
    "by": "2017-12-31",
    "quarter": {"start": "2017-10-01", "end": "2017-12-31"},
    "model": {"version": "3"},
    **DEAL,
}


def test_ten_deals_each_with_one_sentence_why(app: AppTest, api: ApiDouble) -> None:
    # when
    app.run()
    # then
    assert not app.exception
    assert {one["order"] for one in api.queries} == {"stake"}
    told = texts(app)
    assert told.count("As past deals went, 66 % are won; this raises the chance.") == 10
    assert told.count("Of 104 past deals of this age, at the same time of a quarter, 38 were won within 30 days") == 10
    assert "**81 %** by 31 December" in told
    assert "new since last week" not in told
    assert "new this week" in told
    assert "+24.8 points since last week" in told
    assert "no amount" not in told


def test_ones_own_deals(app: AppTest) -> None:
    app.run()
    app.selectbox(key="agent").select("Eva Falk").run()
    assert texts(app).count("Eva Falk") == 4


def test_a_pipeline_without_deals_says_what_to_do(app: AppTest, api: ApiDouble) -> None:
    content = {
        "counts": {"open": 0, "matching": 0, "not_scorable": 0},
        "choices": {"sales_agent": [], "product": [], "manager": [], "region": []},
        "expected_wins": 0,
        "expected_value": 0,
        "deals": [],
    }
    api.override["/v1/pipeline"] = (200, {**COMMON, **content})
    app.run()
    assert "No deal is open." in app.info[0].value


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (503, {"detail": "the model is being replaced"}, "The model is being replaced."),
        (404, {"detail": "the model's data have no deal of this identifier"}, "have no deal of this identifier"),
        (200, {**COMMON, "outlook": None}, "The deal has closed in the meantime."),
        (200, {**COMMON, "outlook": {**OUTLOOK, "groups": []}}, "Of 104 past deals"),
    ],
)
def test_without_a_reason_the_rest_is_shown(
    app: AppTest, api: ApiDouble, status: int, answer: dict[str, object], expected: str
) -> None:
    api.override["/v1/deal"] = (status, answer)
    app.run()
    assert not app.exception
    assert texts(app).count(expected) == 10
    assert "**81 %** by 31 December" in texts(app)


def test_an_outage_is_a_sentence(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/pipeline"] = (503, {"title": "…", "detail": "the lake does not answer"})
    app.run()
    assert "The lake does not answer" in app.warning[0].value


def test_the_model_of_the_double_has_the_day_of_the_ranking() -> None:
    assert MODEL["data_as_of"] == COMMON["as_of"]


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [(0.5, 0.4, "+10.0 points"), (0.5, 0.50004, None), (0.4, 0.5, "-10.0 points"), (0.5, None, "new")],
)
def test_a_change_of_less_than_a_tenth_is_none(now: float, before: float | None, expected: str | None) -> None:
    assert words.change(now, before) == expected
