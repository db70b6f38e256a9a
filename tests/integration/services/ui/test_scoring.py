"""The page "Score a deal"."""

from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

from tests.integration.services.ui.answers import EXPLANATION
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import metrics, opened, press, table, texts

pytestmark = pytest.mark.integration


def test_a_deal_is_scored_and_the_answer_stays(app: AppTest) -> None:
    # given
    opened(app, "score")
    app.date_input(key="score_engaged").set_value(date(2017, 11, 1))
    app.selectbox(key="score_product").select("GTX Pro")
    # when
    press(app, "Score this deal")
    # then
    assert metrics(app)["Chance to be won by 31 December 2017"] == "62 %"
    # when: something else is clicked
    app.selectbox(key="score_horizon").select("Within 30 days").run()
    # then
    assert metrics(app)["Chance to be won by 31 December 2017"] == "62 %"
    assert not app.exception


def test_the_chance_is_explained_strongest_reason_first(app: AppTest) -> None:
    # given
    opened(app, "score")
    app.date_input(key="score_engaged").set_value(date(2017, 11, 1))
    # when
    press(app, "Score this deal")
    # then
    assert not app.exception
    assert [one.value for one in app.subheader] == ["Why", "What if"]
    listed = next(one.value for one in app.markdown if one.value.startswith("- **"))
    assert listed.splitlines() == [
        "- **How deals of this age go** (+15.1): As past deals went, 66 % are won; this raises the chance.",
        "- **How long the deal has been open** (-3.1): The deal has been open for 30 days; this lowers the chance.",
    ]
    captions = [one.value for one in app.caption]
    assert "The starting point is a deal engaged today: 50 % are won." in captions
    assert "A point is one percentage point: from 50 %, the points lead to 62 %." in captions


def test_a_deal_that_is_the_starting_point_has_nothing_to_explain(app: AppTest, api: ApiDouble) -> None:
    # given
    groups = [{**one, "points": 0.0} for one in EXPLANATION["groups"]]  # type: ignore[attr-defined]
    api.override["/v1/explanations"] = (200, {**EXPLANATION, "probability": 0.5, "groups": groups})
    opened(app, "score")
    app.date_input(key="score_engaged").set_value(date(2017, 12, 1))
    # when
    press(app, "Score this deal")
    # then
    assert not app.exception
    assert "This deal does not differ from the starting point." in [one.value for one in app.markdown]


def test_without_an_explanation_the_chance_is_shown_and_the_reason_told(app: AppTest, api: ApiDouble) -> None:
    # given
    api.override["/v1/explanations"] = (503, {"title": "…", "detail": "explanations are being computed elsewhere"})
    opened(app, "score")
    app.date_input(key="score_engaged").set_value(date(2017, 11, 1))
    # when
    press(app, "Score this deal")
    # then
    assert metrics(app)["Chance to be won by 31 December 2017"] == "62 %"
    assert "Explanations are being computed elsewhere." in app.warning[0].value
    assert not app.exception


def test_a_problem_is_a_sentence(app: AppTest) -> None:
    # given
    opened(app, "score")
    # when: no engage date is given
    press(app, "Score this deal")
    # then
    assert [one.value for one in app.error] == [
        "The deal has no engage date; it can be scored once an agent has engaged it. Expected: a date."
    ]
    assert not app.exception


def test_without_names_to_choose_from_they_are_typed(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/pipeline"] = (503, {"title": "…", "detail": "the lake does not answer"})
    opened(app, "score")
    app.date_input(key="score_engaged").set_value(date(2017, 11, 1))
    press(app, "Score this deal")
    assert metrics(app)["Chance to be won by 31 December 2017"] == "62 %"
    told = "The quarter runs from 1 October 2017 to 31 December 2017."
    assert told in texts(app)
    assert not app.exception


def test_what_if_puts_both_answers_side_by_side(app: AppTest, api: ApiDouble) -> None:
    # given a scored deal
    opened(app, "score")
    app.date_input(key="score_engaged").set_value(date(2017, 11, 1))
    app.selectbox(key="score_product").select("GTX Pro")
    press(app, "Score this deal")
    assert "Choose something else to see both chances side by side." in texts(app)
    assert "GTX Pro" not in app.selectbox(key="what_if_product").options
    # when another product is chosen
    app.selectbox(key="what_if_product").select("MG Special").run()
    # then
    shown = table(app, "Then")
    assert shown["As it is"].tolist() == ["62 %", "71 %", "78 %", "62 %"]
    assert shown["Points"].tolist() == ["0.0", "0.0", "0.0", "0.0"]
    assert "does not say that a change of this deal would bring it about" in texts(app)
    assert "another quarter" not in texts(app)
    # and it is asked once, however often something is clicked
    app.run()
    thought_of = [deal for deal in api.scored if deal.get("product") == "MG Special"]
    assert thought_of == [{"engage_date": "2017-11-01", "product": "MG Special"}]
    # when the API refuses, then that is told, and the answer stays
    api.override["/v1/predictions"] = (422, {"title": "…", "detail": "the deal is too old"})
    app.date_input(key="what_if_day").set_value(date(2017, 12, 20)).run()
    assert "The deal is too old." in app.error[0].value
    assert metrics(app)["Chance to be won by 31 December 2017"] == "62 %"
    assert not app.exception
