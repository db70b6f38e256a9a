"""A name is forgotten on the running platform: nothing of it is left, and everything goes on."""

import pytest

from tests.e2e.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
NAME, DEAL = "Zoe Unforgotten", "ZU-1"


def test_a_name_is_forgotten_everywhere_and_the_api_goes_on(platform: Platform) -> None:
    # given a prediction, recorded, and an outcome
    body = {"deal": {"opportunity_id": DEAL, "engage_date": "2017-11-20", "sales_agent": NAME}, "as_of": "2017-12-01"}
    before = platform.api("POST", "/v1/predictions", json=body).json()
    platform.eventually(lambda: platform.api("GET", f"/v1/predictions/{before['id']}").status_code == 200, "the record")
    outcome = {"opportunity_id": DEAL, "deal_stage": "Won", "close_date": "2017-12-20"}
    assert platform.api("POST", "/v1/outcomes", json={"outcomes": [outcome]}).status_code == 200
    assert NAME in platform.api("GET", f"/v1/predictions/{before['id']}").text
    # when
    asked = platform.just("forget", NAME, "--kind", "agent", "--dry-run")
    printed = platform.just("forget", NAME, "--kind", "agent")
    # then
    assert "database closecast: predictions" in asked
    assert "a search of all places finds none of the values any more" in printed
    record = platform.api("GET", f"/v1/predictions/{before['id']}")
    assert record.status_code == 200
    assert NAME not in record.text
    assert "agent-" in record.text
    assert NAME not in platform.just("audit")
    # when the same deal is scored again
    again = platform.api("POST", "/v1/predictions", json=body).json()
    # then neither answer nor record has the name, and the model is the same
    assert again["probability"] == before["probability"]
    assert NAME not in str(again)
    platform.eventually(lambda: platform.api("GET", f"/v1/predictions/{again['id']}").status_code == 200, "the record")
    assert NAME not in platform.api("GET", f"/v1/predictions/{again['id']}").text
    # when it is forgotten once more
    printed = platform.just("forget", NAME, "--kind", "agent")
    # then there is nothing to do
    assert "none of the values any more" in printed
