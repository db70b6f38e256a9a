"""The page that ranks the open deals: controls, figures, table and download."""

from collections.abc import Callable, Iterable
from datetime import date

import pandas as pd
import streamlit as st

from services.ui import outage, queries, spreadsheets, texts
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.responses.deals import ChanceBy
from services.ui.responses.models import ModelFacts
from services.ui.responses.pipeline import OpenDeal, Pipeline

EARLIEST, LATEST = date(1970, 1, 1), date(2200, 12, 31)  # wider than the widget's default of ten years
DATES = "YYYY-MM-DD"
DayOf = Callable[[ChanceBy], date]
_ORDERS = {
    "Most likely first": "probability",
    "Most value first": "expected_value",
    "Most undecided value first": "stake",
}
_COLUMNS = (
    "probability",
    "account",
    "product",
    "expected_value",
    "change",
    "sales_agent",
    "opportunity_id",
    "engage_date",
    "age_days",
    "price",
)


def show(api: Client, model: ModelFacts) -> None:
    """Draw the controls, which the address keeps, and the ranking below them."""
    when, until, first, agent, product = st.columns([1, 1, 1.2, 1.5, 1.5])
    # The key contains the date, so that another model's data start with their own default.
    as_of = when.date_input(
        "As of",
        model.data_as_of,
        EARLIEST,
        LATEST,
        key=f"rank_as_of_{model.data_as_of}",
        format=DATES,
        help="What was known at the end of this day. The default is the last date of the model's data.",
    )
    horizon = until.selectbox("Won by when", list(texts.HORIZONS), key="until", bind="query-params")
    order = first.selectbox("Order", list(_ORDERS), key="order", bind="query-params")
    try:
        pipeline = queries.pipeline(api, as_of, texts.HORIZONS[horizon], _ORDERS[order])
    except ApiUnavailableError as error:
        outage.show(texts.unavailable(error))
        return
    except ApiProblemError as error:
        st.error(texts.problem(error))
        return
    agents = agent.multiselect(
        "Agents",
        choices(pipeline, lambda deal: deal.sales_agent),
        key="agents",
        bind="query-params",
        placeholder="All agents",
    )
    products = product.multiselect(
        "Products",
        choices(pipeline, lambda deal: deal.product),
        key="products",
        bind="query-params",
        placeholder="All products",
    )
    kept = [
        deal
        for deal in pipeline.deals
        if (not agents or deal.sales_agent in agents) and (not products or deal.product in products)
    ]
    filtered = bool(agents or products)
    _numbers(pipeline, kept, filtered, texts.HORIZONS[horizon] == "quarter_end")
    if kept:
        _table(pipeline, kept)
    else:
        st.info("No open deal fits these filters." if filtered else "No deal was open on this day.")


def choices(pipeline: Pipeline, name: Callable[[OpenDeal], str | None]) -> list[str]:
    """The distinct names of the open deals, in alphabetical order."""
    return sorted({found for deal in pipeline.deals if (found := name(deal))})


def frame(deals: Iterable[OpenDeal]) -> pd.DataFrame:
    """The deals as a frame with the column names of the CRM export; `change` is that of the chance since last week."""
    rows = [[_change(deal) if name == "change" else getattr(deal, name) for name in _COLUMNS] for deal in deals]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _change(deal: OpenDeal) -> float | None:
    return None if deal.probability_before is None else deal.probability - deal.probability_before


def _numbers(pipeline: Pipeline, kept: list[OpenDeal], filtered: bool, by_quarter: bool) -> None:
    # Unfiltered, show the API's own sums: they are of all open deals, however many it sent.
    count = len(kept) if filtered else pipeline.open
    wins = sum(deal.probability for deal in kept) if filtered else pipeline.expected_wins
    value = sum(deal.expected_value or 0 for deal in kept) if filtered else pipeline.expected_value
    cards = st.columns(3)
    cards[0].metric("Open deals", f"{count:,}", border=True)
    cards[1].metric(
        "Expected wins",
        f"{wins:,.1f}",
        border=True,
        help="The sum of the chances: how many of these deals to expect as won.",
    )
    cards[2].metric(
        "Expected value",
        texts.money(value),
        border=True,
        help="The sum of chance times usual price: what to expect as won revenue from these deals.",
    )
    notes = [f"Chances to be won by {texts.day(pipeline.by)}."]
    if by_quarter:
        notes.append(texts.quarter(pipeline.quarter))
    if filtered:
        notes.append(f"{count:,} of {texts.counted(pipeline.open, 'open deal', 'open deals')} shown.")
    if len(pipeline.deals) < pipeline.open:
        notes.append(f"The table and the filters have only the {len(pipeline.deals):,} most likely.")
    if pipeline.not_scorable:
        still = texts.counted(pipeline.not_scorable, "deal is", "deals are")
        notes.append(f"{still} still in prospecting: without an engage date there is no chance to compute.")
    st.caption(" ".join(notes))


def _table(pipeline: Pipeline, kept: list[OpenDeal]) -> None:
    table = frame(kept)
    chosen = st.dataframe(
        table.assign(
            probability=table["probability"] * 100,
            change=table["change"].astype(float) * 100,
            account=table["account"].fillna(""),
        ),
        hide_index=True,
        width="stretch",
        height=460,
        column_config={
            "probability": st.column_config.ProgressColumn("Chance", format="%.1f %%", min_value=0, max_value=100),
            "change": st.column_config.NumberColumn(
                "Since last week", format="%+.1f", help="Points, by the same date; empty for a deal that is newer"
            ),
            "expected_value": st.column_config.NumberColumn("Expected value", format="%,.0f"),
            "opportunity_id": "Deal",
            "account": "Account",
            "product": "Product",
            "sales_agent": "Agent",
            "engage_date": st.column_config.DateColumn("Engaged", format="D MMM YYYY"),
            "age_days": st.column_config.NumberColumn("Age in days", format="%d"),
            "price": st.column_config.NumberColumn("Usual price", format="%,.0f"),
        },
        on_select="rerun",
        selection_mode="single-row",
    )
    if rows := chosen["selection"]["rows"]:
        st.switch_page("views/deal.py", query_params={"deal": kept[rows[0]].opportunity_id})
    st.caption("Choose a row to see the deal.")
    export = table.assign(as_of=pipeline.as_of, by=pipeline.by, model_version=pipeline.model_version)
    name = f"closecast-{pipeline.as_of}-to-{pipeline.by}"
    with st.container(horizontal=True):
        # Made when it is asked for: of ten thousand deals a workbook takes a second.
        st.download_button(
            "Download as CSV",
            lambda: spreadsheets.to_csv(export),
            file_name=f"{name}.csv",
            mime="text/csv",
            on_click="ignore",
        )
        st.download_button(
            "Download for Excel",
            lambda: spreadsheets.to_xlsx(export),
            file_name=f"{name}.xlsx",
            mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            on_click="ignore",
        )
