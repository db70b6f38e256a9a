"""The page "One deal", and what people expect of it."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from services.ui import queries
from tests.integration.services.ui.answers import DEAL, OPINION, OUTLOOK
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import field, metrics, opened, press, table, texts
from tests.integration.services.ui.test_week import COMMON

pytestmark = pytest.mark.integration


def of(app: AppTest, identifier: str = "D01") -> AppTest:
    """The page of a deal, by its address."""
    app.query_params["deal"] = identifier
    return opened(app, "deal")


def test_without_a_deal_it_says_how_to_come_by_one(app: AppTest) -> None:
    opened(app, "deal")
    assert "Choose a deal" in app.info[0].value
    assert not app.exception


def test_the_deal_of_the_address_is_shown(app: AppTest) -> None:
    # when
    of(app)
    # then
    assert not app.exception
    assert metrics(app) == {
        "Chance to be won by 31 December 2017": "62 %",
        "Usual price": "4,000",
        "Expected value": "2,480",
    }
    told = texts(app)
    assert "**Account 1 · GTX Pro · Carl Dahl** · engaged on 24 November 2017" in told
    assert (
        "Of 104 past deals of this age, at the same time of a quarter, 38 were won within 30 days, 37 of 100." in told
    )
    assert "- **How deals of this age go** (+15.1)" in told
    assert [one.value for one in app.subheader] == ["By when", "Week by week", "Why", "What people expect"]
    past = table(app, "What became of it")
    assert past["What became of it"].tolist() == ["won after 9 days", "lost after 1 day", "stayed open"]


def test_another_horizon_is_asked_for(app: AppTest) -> None:
    of(app)
    app.radio(key="until").set_value("Within 60 days").run()
    assert "Chance to be won by 30 January 2018" in metrics(app)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (
            {"state": "won", "close_date": "2017-11-30", "close_value": 4_321.0},
            "success",
            "Won on 30 November 2017, at 4,321.",
        ),
        ({"state": "lost", "close_date": "2017-11-30"}, "warning", "Lost on 30 November 2017."),
        ({"state": "prospecting", "engage_date": None, "past": []}, "info", "Nobody has engaged this deal yet"),
    ],
)
def test_a_deal_that_is_not_open_says_how_it_ended(
    app: AppTest, api: ApiDouble, change: dict[str, Any], kind: str, words: str
) -> None:
    api.override["/v1/deal"] = (200, {**COMMON, **change, "outlook": None})
    of(app)
    assert not app.exception
    assert any(words in one.value for one in getattr(app, kind))
    assert not app.metric
    assert "I disagree" not in [one.label for one in app.button]


def test_a_deal_without_a_price_has_no_expected_value(app: AppTest, api: ApiDouble) -> None:
    nothing = {**OUTLOOK["alike"], "of": 0, "won": 0, "lost": 0, "deals": []}  # type: ignore[dict-item]
    api.override["/v1/deal"] = (200, {**COMMON, "outlook": {**OUTLOOK, "price": None, "alike": nothing}})
    of(app)
    assert metrics(app)["Expected value"] == "not known"
    assert "No past deal of this age is known for as long as 30 days after." in texts(app)
    assert not app.exception


def test_a_deal_that_is_not_there_is_a_sentence(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/deal"] = (404, {"title": "…", "detail": "the model's data have no deal of this identifier"})
    of(app, "nothing")
    assert "The model's data have no deal of this identifier." in app.error[0].value
    assert not app.exception


def test_somebody_disagrees_and_says_why(app: AppTest, api: ApiDouble) -> None:
    # given
    of(app)
    assert "Nobody has disagreed" in texts(app)
    # when nothing is said
    press(app, "I disagree")
    assert "Say what you expect, and why." in app.info[-1].value
    assert api.asked == []
    # and when something is
    field(app, "radio", "I expect").set_value("higher")
    field(app, "text_area", "Because …").input("Their budget is approved.")
    press(app, "I disagree")
    # then
    body = {
        "opportunity_id": "D01",
        "expects": "higher",
        "reason": "Their budget is approved.",
        "as_of": "2017-12-01",
        "horizon": 30,
    }
    assert api.asked == [("/v1/opinions", body)]
    assert "Your opinion is kept" in app.success[-1].value
    kept = table(app, "Because")
    assert kept.iloc[0].tolist()[1:] == [
        "bob",
        "a higher chance",
        "Their budget is approved.",
        "62 % by 31 December 2017",
        "open",
    ]


def test_an_opinion_stands_beside_the_outcome(app: AppTest, api: ApiDouble) -> None:
    api.opinions.append(OPINION)
    api.override["/v1/deal"] = (200, {**COMMON, **DEAL, "state": "lost", "close_date": "2017-12-20", "outlook": None})
    of(app)
    kept = table(app, "Because")
    assert kept["What became of it"].tolist() == ["lost on 20 December 2017"]
    assert kept["Expected"].tolist() == ["a lower chance"]


def test_who_only_reads_cannot_disagree(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/me"] = (
        200,
        {"id": "user:1", "name": "vera", "kind": "user", "role": "viewer", "has_password": True},
    )
    of(app)
    assert "I disagree" not in [one.label for one in app.button]
    assert metrics(app)


def test_opinions_that_cannot_be_had_leave_the_rest(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/opinions"] = (503, {"title": "…", "detail": "the database cannot be used now"})
    queries.opinions.clear()
    of(app)
    assert "The database cannot be used now" in app.error[0].value
    assert metrics(app)
    assert not app.exception
