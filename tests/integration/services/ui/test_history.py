"""The page "Past answers"."""

from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.integration.services.ui.answers import ANSWERED
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import opened, press, texts

pytestmark = pytest.mark.integration


def test_past_answers_are_told_in_plain_words(app: AppTest) -> None:
    # given
    opened(app, "past")
    assert not app.subheader
    # when
    app.date_input(key="history_day").set_value(date(2018, 1, 31))
    press(app, "Show this day")
    # then
    assert not app.exception
    assert [one.value for one in app.subheader] == ["Version 3"]
    told = texts(app)
    assert "In use since 2 January 2018, after it was found better than what was in use before." in told
    assert "It gave 1,300 answers on this day. What became of 105 deals is known, and 59 of them were won" in told
    assert "1,100 answers wait for the outcome, the last until 31 March 2018." in told
    assert "- Of 5 deals given about 14 %, 1 was won (too few to say much)." in told
    assert "- Of 100 deals given about 60 %, 58 were won." in told
    # and the numbers are one click away
    numbers = next(one.value for one in app.expander[0].dataframe if "What" in one.value)
    facts = dict(zip(numbers["What"], numbers["Value"], strict=True))
    assert (facts["Log loss"], facts["Log loss if each chance is right"]) == ("0.6512", "0.6498")
    assert facts["Champion since"] == "2018-01-02 03:04 UTC, promoted by flow train/[otter](x)"
    assert facts["Waiting"] == "1,100, from 2018-03-01 to 2018-03-31"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"judged": None}, "It gave 1,300 answers on this day. 1,100 answers wait"),
        ({"predictions": 0, "judged": None, "waiting": None}, "It gave no answer on this day."),
        ({"champion": None, "run": None, "run_id": None}, "When it came into use is not recorded."),
        (
            {"champion": {**ANSWERED["champion"], "how": "rolled back", "until": "2018-01-05T00:00:00+00:00"}},  # type: ignore[dict-item]
            "In use since 2 January 2018 until 5 January 2018, when somebody went back to it.",
        ),
    ],
)
def test_what_is_not_known_of_past_answers_is_left_out(
    changed: dict[str, Any], words: str, app: AppTest, api: ApiDouble
) -> None:
    api.override["/v1/model/history"] = (200, {"day": "2018-01-31", "models": [{**ANSWERED, **changed}]})
    press(opened(app, "past"), "Show this day")
    assert not app.exception
    assert words in texts(app)


def test_a_day_without_answers_and_an_outage_are_sentences(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/model/history"] = (200, {"day": "2018-01-31", "models": []})
    press(opened(app, "past"), "Show this day")
    assert "No model answered on 31 January 2018." in [one.value for one in app.info]
    api.override["/v1/model/history"] = (503, {"title": "…", "detail": "the database does not answer"})
    press(app, "Show this day")
    assert "The database does not answer" in app.error[0].value
    assert "Press “Show this day” again" in app.error[0].value
    assert not app.exception
