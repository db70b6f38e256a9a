"""The chances of an export's deals, as the page shows them."""

import httpx
import pytest
from streamlit.testing.v1 import AppTest

from services.ui.client import ApiProblemError, Client
from tests.integration.services.ui.driving import table, texts

pytestmark = pytest.mark.integration

ANSWER = (
    b"row,opportunity_id,sales_agent,product,account,engage_date,probability,unseen,problem,as_of,by,model_version\n"
    b'0,A,Ada,GTX,,,,,"the deal is closed, and has no chance",2017-12-01,2017-12-31,3\n'
    b"1,B,Ada,GTX,Acme,2017-11-01,0.25,,,2017-12-01,2017-12-31,3\n"
    b"2,C,Bo,GTX,'=HYPERLINK(1),2017-11-02,0.75,account,,2017-12-01,2017-12-31,3\n"
)


def _draw(content: bytes) -> None:
    from services.ui import results

    results.answer(content)


def test_the_most_likely_come_first_and_the_others_say_why() -> None:
    app = AppTest.from_function(_draw, args=(ANSWER,)).run()
    assert not app.exception
    shown = table(app, "Chance")
    assert shown["Deal"].tolist() == ["C", "B", "A"]
    assert shown["Chance"].tolist()[:2] == [75, 25]
    assert shown["Why there is none"].tolist() == ["", "", "the deal is closed, and has no chance"]
    assert "2 deals have a chance, 1 of 3 do not" in texts(app)
    assert "To be won by 2017-12-31, as of 2017-12-01, by version 3 of the model." in texts(app)


def test_an_export_without_deals_says_so() -> None:
    app = AppTest.from_function(_draw, args=(ANSWER.splitlines(keepends=True)[0],)).run()
    assert not app.exception
    assert "0 deals have a chance, 0 of 0 do not" in texts(app)


def test_the_api_is_asked_for_csv_with_the_question_in_the_query() -> None:
    # given
    from datetime import date

    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) > 1:
            return httpx.Response(422, json={"title": "…", "detail": "the file is no export"})
        return httpx.Response(200, content=ANSWER)

    client = Client("http://api.example", "a-token", httpx.MockTransport(answer))
    # when
    found = client.score_export(b"a,b\n", "text/csv", "hubspot", date(2017, 12, 1), 30)
    # then
    assert found == ANSWER
    assert dict(asked[0].url.params) == {"as_of": "2017-12-01", "horizon": "30", "mapping": "hubspot"}
    assert (asked[0].headers["Content-Type"], asked[0].headers["Accept"]) == ("text/csv", "text/csv")
    with pytest.raises(ApiProblemError, match="the file is no export"):
        client.score_export(b"x", "text/csv", None, date(2017, 12, 1), "quarter_end")
