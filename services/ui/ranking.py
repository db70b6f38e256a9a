"""The tab that ranks the open deals: controls, figures, table and download."""

from collections.abc import Callable, Iterable
from datetime import date

import pandas as pd
import streamlit as st

from closecast.platform.spreadsheet import safe
from services.ui import outage, queries, texts
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.responses.models import ModelFacts
from services.ui.responses.pipeline import OpenDeal, Pipeline

EARLIEST, LATEST = date(1970, 1, 1), date(2200, 12, 31)  # wider than the widget's default of ten years
DATES = "YYYY-MM-DD"
_COLUMNS = ("probability", "opportunity_id", "account", "product", "sales_agent", "engage_date", "age_days")


def show(api: Client, model: ModelFacts) -> Pipeline | None:
    """Draw the tab, and return the ranking for its names, None when there is none."""
    when, until, agent, product = st.columns([1, 1, 1.5, 1.5])
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
    horizon = until.selectbox("Won by when", list(texts.HORIZONS), key="rank_horizon")
    try:
        pipeline = queries.pipeline(api, as_of, texts.HORIZONS[horizon])
    except ApiUnavailableError as error:
        outage.show(texts.unavailable(error))
        return None
    except ApiProblemError as error:
        st.error(texts.problem(error))
        return None
    agents = agent.multiselect(
        "Agents", choices(pipeline, lambda deal: deal.sales_agent), key="rank_agents", placeholder="All agents"
    )
    products = product.multiselect(
        "Products", choices(pipeline, lambda deal: deal.product), key="rank_products", placeholder="All products"
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
    return pipeline


def choices(pipeline: Pipeline, name: Callable[[OpenDeal], str | None]) -> list[str]:
    """The distinct names of the open deals, in alphabetical order."""
    return sorted({found for deal in pipeline.deals if (found := name(deal))})


def frame(deals: Iterable[OpenDeal]) -> pd.DataFrame:
    """The deals as a frame with the column names of the CRM export."""
    return pd.DataFrame([[getattr(deal, name) for name in _COLUMNS] for deal in deals], columns=list(_COLUMNS))


def _numbers(pipeline: Pipeline, kept: list[OpenDeal], filtered: bool, by_quarter: bool) -> None:
    # Unfiltered, show the API's own sums: they are of all open deals, however many it sent.
    count = len(kept) if filtered else pipeline.open
    wins = sum(deal.probability for deal in kept) if filtered else pipeline.expected_wins
    cards = st.columns(3)
    cards[0].metric("Open deals", f"{count:,}", border=True)
    cards[1].metric(
        "Expected wins",
        f"{wins:,.1f}",
        border=True,
        help="The sum of the chances: how many of these deals to expect as won.",
    )
    cards[2].metric("Won by", texts.day(pipeline.by), border=True)
    notes = [texts.quarter(pipeline.quarter)] if by_quarter else []
    if filtered:
        notes.append(f"{count:,} of {texts.counted(pipeline.open, 'open deal', 'open deals')} shown.")
    if len(pipeline.deals) < pipeline.open:
        notes.append(f"The table and the filters have only the {len(pipeline.deals):,} most likely.")
    if pipeline.not_scorable:
        still = texts.counted(pipeline.not_scorable, "deal is", "deals are")
        notes.append(f"{still} still in prospecting: without an engage date there is no chance to compute.")
    if notes:
        st.caption(" ".join(notes))


def for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """Escape texts that a spreadsheet would take for a formula."""
    texts = table.select_dtypes(include=["object", "string"]).columns
    return table.assign(
        **{name: table[name].map(lambda value: safe(value) if isinstance(value, str) else value) for name in texts}
    )


def _table(pipeline: Pipeline, kept: list[OpenDeal]) -> None:
    table = frame(kept)
    st.dataframe(
        table.assign(probability=table["probability"] * 100, account=table["account"].fillna("")),
        hide_index=True,
        width="stretch",
        height=460,
        column_config={
            "probability": st.column_config.ProgressColumn("Chance", format="%.1f %%", min_value=0, max_value=100),
            "opportunity_id": "Deal",
            "account": "Account",
            "product": "Product",
            "sales_agent": "Agent",
            "engage_date": st.column_config.DateColumn("Engaged", format="D MMM YYYY"),
            "age_days": st.column_config.NumberColumn("Age in days", format="%d"),
        },
    )
    export = table.assign(as_of=pipeline.as_of, by=pipeline.by, model_version=pipeline.model_version)
    st.download_button(
        "Download as CSV",
        for_spreadsheets(export).to_csv(index=False).encode(),
        file_name=f"closecast-{pipeline.as_of}-to-{pipeline.by}.csv",
        mime="text/csv",
        on_click="ignore",
    )
