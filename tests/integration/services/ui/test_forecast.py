"""The page "Forecast"."""

from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from services.ui import queries
from tests.integration.services.ui.answers import FORECAST
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import metrics, opened, table, texts

pytestmark = pytest.mark.integration


def _answer(api: ApiDouble, **changed: Any) -> None:
    api.override["/v1/forecast"] = (200, {**FORECAST, **changed})


def test_the_forecast_its_parts_and_how_sure_it_is(app: AppTest) -> None:
    opened(app, "forecast")
    assert not app.exception
    assert metrics(app) == {
        "Won revenue to expect": "2,500,001",
        "Won already": "1,700,000",
        "From open deals": "650,000",
        "From deals to come": "150,000",
    }
    shown = texts(app)
    assert "8 times out of 10 it ends between **2,400,000** and **2,600,000**." in shown
    assert "The forecast is 25 % more than the quarter before, which ended at 2,000,000." in shown
    assert "The quarter runs from 1 October 2017 to 31 December 2017." in shown
    assert "assumption" not in shown


def test_the_split_is_kept_in_the_address_and_asked_of_the_api(app: AppTest, api: ApiDouble) -> None:
    opened(app, "forecast")
    shown = table(app, "Product")
    assert shown["Product"].tolist() == ["GTX Pro", "GTX Basic"]
    assert shown["Together"].tolist() == [1_001_500.0, 701_500.0]
    # when
    app.radio(key="split").set_value("By agent").run()
    # then
    assert table(app, "Agent") is not None
    assert [one["group_by"] for one in api.queries if "group_by" in one] == ["product", "sales_agent"]


def test_a_region_is_asked_about_where_the_data_have_one(app: AppTest, api: ApiDouble) -> None:
    groups = [{**one, "name": name} for one, name in zip(FORECAST["groups"], ("East", None), strict=True)]
    columns = ["product", "sales_agent", "region"]
    api.override["/v1/forecast"] = (200, {**FORECAST, "group_columns": columns, "groups": groups})
    opened(app, "forecast")
    app.radio(key="split").set_value("By region").run()
    assert table(app, "Region")["Region"].tolist() == ["East", "none"]


def test_why_it_changed_adds_up_on_the_page(app: AppTest) -> None:
    opened(app, "forecast")
    shown = texts(app)
    assert "On 24 November 2017 it was 2,450,000; now it is 2,500,001, 50,001 more." in shown
    assert (
        "Another model +0.00 · Deals got older -60,000.00 · Calendar moved on -10,000.00 · Deals won +140,000.00 · "
        "Deals lost -40,000.00 · New deals +20,001.00 · together +50,001.00"
    ) in shown


def test_another_day_is_asked_about(app: AppTest, api: ApiDouble) -> None:
    opened(app, "forecast")
    app.date_input[0].set_value(date(2017, 11, 19)).run()
    assert [one["as_of"] for one in api.queries if "group_by" in one] == ["2017-12-01", "2017-11-19"]
    assert not app.exception


def test_earlier_forecasts_beside_their_results(app: AppTest) -> None:
    opened(app, "forecast")
    assert "Of 2 past forecasts, 1 had the result between their bounds." in texts(app)


def test_deals_that_never_close_are_named_with_what_they_add(app: AppTest) -> None:
    opened(app, "forecast")
    assert "775 open deals are older than 138 days" in texts(app)
    assert "they look like 2,048,591; to the forecast they add 162." in texts(app)


def test_a_young_platform_says_what_it_does_not_know(app: AppTest, api: ApiDouble) -> None:
    # given no earlier forecast, no quarter before, the quarter's first day, and no old deal
    old = {**FORECAST["clean_up"], "deals": 0}
    _answer(api, learnt_from=0, past=[], change=None, last_quarter=None, clean_up=old)
    # when
    opened(app, "forecast")
    # then
    assert not app.exception
    shown = texts(app)
    assert "how sure this one is, is an assumption" in shown
    assert "None is known yet" in shown
    assert "The quarter has just begun" in shown
    assert "To clean up" not in {one.value for one in app.subheader}
    assert "quarter before" not in shown


def test_an_outage_and_a_refusal_are_told(app: AppTest, api: ApiDouble) -> None:
    api.override["/v1/forecast"] = (503, {"title": "…", "detail": "the database cannot be used now"})
    opened(app, "forecast")
    assert "The database cannot be used now" in app.warning[0].value
    api.override["/v1/forecast"] = (422, {"title": "…", "detail": "no deal had been won with a value by 2017-12-01"})
    queries.forecast.clear()
    app.run()
    assert "No deal had been won with a value by 2017-12-01." in app.error[0].value
    assert not app.exception
