"""The page "Pipeline"."""

import pytest
from streamlit.testing.v1 import AppTest

from services.ui import queries
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import metrics, opened, table, texts

pytestmark = pytest.mark.integration


def test_the_ranking_is_shown(app: AppTest) -> None:
    # when
    opened(app, "pipeline")
    # then
    assert not app.exception
    assert metrics(app) == {
        "Open deals": "12",
        "Expected wins": "5.6",
        "Expected value": "24,940",
    }
    assert "Chances to be won by 31 December 2017." in texts(app)
    shown = table(app, "opportunity_id")
    assert shown["opportunity_id"].tolist() == [f"D{at:02}" for at in range(12)]
    assert list(map(str, shown["change"][1:4])) == ["24.8", "0.0", "12.3"]  # and not -0.0
    assert shown["change"].isna().tolist() == [True] + 11 * [False]
    assert shown["expected_value"].round(2).tolist()[1:3] == [1_495.0, 2_055.0]
    assert "5 deals are still in prospecting" in texts(app)


def test_filters_and_horizon_change_the_ranking(app: AppTest) -> None:
    # given
    opened(app, "pipeline")
    # when
    app.selectbox(key="until").select("Within 60 days")
    app.multiselect(key="agents").select("Ada Berg")
    app.multiselect(key="products").select("GTX Pro").run()
    # then
    assert table(app, "opportunity_id")["opportunity_id"].tolist() == ["D03", "D09"]
    assert metrics(app) == {
        "Open deals": "2",
        "Expected wins": "0.9",
        "Expected value": "2,475",
    }
    assert "Chances to be won by 30 January 2018." in texts(app)
    assert "2 of 12 open deals shown" in texts(app)


def test_the_order_is_asked_of_the_api(app: AppTest, api: ApiDouble) -> None:
    opened(app, "pipeline")
    app.selectbox(key="order").select("Most value first").run()
    assert api.queries[-1]["order"] == "expected_value"


def test_all_filters_are_the_apis(app: AppTest, api: ApiDouble) -> None:
    # given
    opened(app, "pipeline")
    # when
    app.multiselect(key="agents").select("Ada Berg").select("Eva Falk")
    app.text_input(key="account").input(" oak ")
    app.number_input(key="min_age").set_value(7)
    app.number_input(key="max_price").set_value(5_000).run()
    # then
    asked = api.queries[-1]
    assert asked["sales_agents"] == ["Ada Berg", "Eva Falk"]
    assert (asked["account"], asked["min_age"], asked["max_price"]) == ("oak", "7", "5000")
    assert not {"products", "max_age", "min_price"} & set(asked)
    assert not app.exception


def test_managers_and_regions_are_asked_for_where_the_data_have_them(app: AppTest, api: ApiDouble) -> None:
    opened(app, "pipeline")
    assert [box.label for box in app.multiselect] == ["Agents", "Products"]
    assert "region" not in table(app, "sales_agent").columns
    # when
    api.regions = ("East", "West")
    queries.pipeline.clear()
    app.run()
    # then
    assert [box.label for box in app.multiselect] == ["Agents", "Products", "Regions"]
    assert table(app, "sales_agent")["region"].unique().tolist() == ["East", "West"]
    app.multiselect(key="regions").select("West").run()
    assert api.queries[-1]["regions"] == ["West"]
    assert table(app, "sales_agent")["region"].unique().tolist() == ["West"]
    assert "manager" not in table(app, "sales_agent").columns


def test_how_sure_a_chance_is_is_told_in_a_word(app: AppTest) -> None:
    opened(app, "pipeline")
    shown = table(app, "sales_agent")
    assert shown["alike"].tolist() == [["few"]] * 2 + [["some"]] * 3 + [["many"]] * 7


def test_more_deals_than_a_browser_draws_are_told(app: AppTest, api: ApiDouble) -> None:
    counts = {"open": 100_000, "matching": 99_000, "not_scorable": 0}
    opened(app, "pipeline")
    api.override["/v1/pipeline"] = (200, {**api.last, "counts": counts})
    queries.pipeline.clear()
    app.run()
    assert "99,000 of 100,000 open deals shown. The table has the first 12, a download up to 10,000." in texts(app)
    assert metrics(app)["Open deals"] == "99,000"


def test_nothing_that_fits_and_nothing_open_are_told_apart(app: AppTest, api: ApiDouble) -> None:
    opened(app, "pipeline")
    for opened_, words in ((12, "No open deal fits these filters."), (0, "No deal was open on this day.")):
        counts = {"open": opened_, "matching": 0, "not_scorable": 0}
        api.override["/v1/pipeline"] = (200, {**api.last, "counts": counts, "deals": []})
        queries.pipeline.clear()
        app.run()
        assert app.info[0].value == words


def test_the_quarter_that_is_meant_is_told(app: AppTest) -> None:
    # when
    opened(app, "pipeline")
    # then
    told = "The quarter runs from 1 October 2017 to 31 December 2017."
    assert told in texts(app)
    # when asked within days
    app.selectbox(key="until").select("Within 30 days").run()
    assert told not in texts(app)


def test_a_ranking_that_cannot_be_had_is_a_sentence(app: AppTest, api: ApiDouble) -> None:
    # given
    api.override["/v1/pipeline"] = (503, {"title": "…", "detail": "the lake does not answer"})
    # when
    opened(app, "pipeline")
    # then
    assert "The lake does not answer" in app.warning[0].value
    assert not app.exception
