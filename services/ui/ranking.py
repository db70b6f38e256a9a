"""The page that ranks the open deals: controls, figures, table and download."""

from collections.abc import Callable, Iterable
from datetime import date

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from closecast.platform.request_limits import MOST_DEALS
from services.ui import locales, outage, queries, spreadsheets, texts
from services.ui.client import Client
from services.ui.responses.models import ModelFacts
from services.ui.responses.pipeline import Filters, OpenDeal, Pipeline

EARLIEST, LATEST = date(1970, 1, 1), date(2200, 12, 31)  # wider than the widget's default of ten years
_ORDERS = {
    "Most likely first": "probability",
    "Most value first": "expected_value",
    "Most undecided value first": "stake",
}
_BOUNDS = {
    "min_age": "Days open, at least",
    "max_age": "Days open, at most",
    "min_price": "Usual price, at least",
    "max_price": "Usual price, at most",
}
# By how many past deals of the same age a chance can be checked: the least of each word, and its colour.
_SURE = {"many": (100, "green"), "some": (30, "orange"), "few": (0, "red")}
_SHOWN = 1_000  # rows that a browser draws at once
_MOST_NAMES = 100  # that the API takes
_OF_TEAMS = ("manager", "region")
_COLUMNS = (
    "probability",
    "alike",
    "account",
    "product",
    "expected_value",
    "change",
    "sales_agent",
    "opportunity_id",
    "engage_date",
    "age_days",
    "price",
    *_OF_TEAMS,
)


def show(api: Client, model: ModelFacts) -> None:
    """Draw the controls, which the address keeps, and the ranking below them."""
    when, until, first = st.columns(3)
    agent, product, more = st.columns(3, vertical_alignment="bottom")
    # The key contains the date, so that another model's data start with their own default.
    as_of = when.date_input(
        "As of",
        model.data_as_of,
        EARLIEST,
        LATEST,
        key=f"rank_as_of_{model.data_as_of}",
        format=locales.of_fields(),
        help="What was known at the end of this day. The default is the last date of the model's data.",
    )
    horizon = until.selectbox("Won by when", list(texts.HORIZONS), key="until", bind="query-params")
    order = first.selectbox("Order", list(_ORDERS), key="order", bind="query-params")
    question = as_of, texts.HORIZONS[horizon], _ORDERS[order]
    names = outage.asked(lambda: queries.pipeline(api, *question, limit=1))
    if names is None:
        return
    filters = _filters(names, agent, product, more)
    pipeline = outage.asked(lambda: queries.pipeline(api, *question, limit=_SHOWN, filters=filters))
    if pipeline is None:
        return
    _numbers(pipeline, texts.HORIZONS[horizon] == "quarter_end")
    if not pipeline.deals:
        st.info("No open deal fits these filters." if pipeline.open else "No deal was open on this day.")
        return
    _table(pipeline)
    _downloads(pipeline, lambda: api.pipeline(*question, filters=filters))


def _filters(names: Pipeline, agent: DeltaGenerator, product: DeltaGenerator, more: DeltaGenerator) -> Filters:
    with agent:
        agents = _several("Agents", "All agents", names.agents)
    with product:
        products = _several("Products", "All products", names.products)
    with more.popover("More filters", width="stretch"):
        managers = _several("Managers", "All managers", names.managers)
        regions = _several("Regions", "All regions", names.regions)
        account = st.text_input("Account holds", key="account", bind="query-params", max_chars=500)
        bounds = {
            name: st.number_input(label, 0, 10**12, None, step=1, key=name, bind="query-params")
            for name, label in _BOUNDS.items()
        }
    return Filters(tuple(agents), tuple(products), account.strip(), tuple(managers), tuple(regions), **bounds)


def _several(label: str, every: str, names: tuple[str, ...]) -> list[str]:
    """Ask for some of the names, where there are any; the address keeps them."""
    if not names:
        return []
    return st.multiselect(
        label, names, key=label.lower(), bind="query-params", placeholder=every, max_selections=_MOST_NAMES
    )


def choices(pipeline: Pipeline, name: Callable[[OpenDeal], str | None]) -> list[str]:
    """The distinct names of the open deals, in alphabetical order."""
    return sorted({found for deal in pipeline.deals if (found := name(deal))})


def frame(deals: Iterable[OpenDeal]) -> pd.DataFrame:
    """The deals as a frame with the column names of the CRM export; `change` is that of the chance since last week.

    Managers and regions are there if the data have them.
    """
    rows = [[_change(deal) if name == "change" else getattr(deal, name) for name in _COLUMNS] for deal in deals]
    made = pd.DataFrame(rows, columns=list(_COLUMNS))
    return made.drop(columns=[name for name in _OF_TEAMS if made[name].isna().all()])


def how_sure(alike: int) -> str:
    """In a word, by how many past deals a chance can be checked."""
    return next(word for word, (least, _) in _SURE.items() if alike >= least)


def _change(deal: OpenDeal) -> float | None:
    return None if deal.probability_before is None else deal.probability - deal.probability_before


def _numbers(pipeline: Pipeline, by_quarter: bool) -> None:
    """The API's own sums: they are of all deals that match, however many it sent."""
    cards = st.columns(3)
    cards[0].metric("Open deals", texts.whole(pipeline.matching), border=True)
    cards[1].metric(
        "Expected wins",
        locales.number(pipeline.expected_wins, 1),
        border=True,
        help="The sum of the chances: how many of these deals to expect as won.",
    )
    cards[2].metric(
        "Expected value",
        texts.amount(pipeline.expected_value),
        border=True,
        help="The sum of chance times usual price: what to expect as won revenue from these deals.",
    )
    notes = [f"Chances to be won by {texts.day(pipeline.by)}."]
    if by_quarter:
        notes.append(texts.quarter(pipeline.quarter))
    if pipeline.matching < pipeline.open:
        notes.append(
            f"{texts.whole(pipeline.matching)} of {texts.counted(pipeline.open, 'open deal', 'open deals')} shown."
        )
    if len(pipeline.deals) < pipeline.matching:
        notes.append(
            f"The table has the first {texts.whole(len(pipeline.deals))}, a download up to {texts.whole(MOST_DEALS)}."
        )
    if pipeline.not_scorable:
        still = texts.counted(pipeline.not_scorable, "deal is", "deals are")
        notes.append(f"{still} still in prospecting: without an engage date there is no chance to compute.")
    st.caption(" ".join(notes))


def _table(pipeline: Pipeline) -> None:
    table = frame(pipeline.deals)
    chosen = st.dataframe(
        table.assign(
            probability=table["probability"] * 100,
            change=table["change"].astype(float).mul(100).round(1) + 0.0,  # a change of nothing has no minus sign
            account=table["account"].fillna(""),
            expected_value=table["expected_value"].astype(float).round(),
            price=table["price"].astype(float).round(),
            alike=table["alike"].map(lambda count: [how_sure(count)]),
        ),
        hide_index=True,
        width="stretch",
        height=460,
        column_config={
            "probability": st.column_config.ProgressColumn("Chance", format="%.1f %%", min_value=0, max_value=100),
            "change": st.column_config.NumberColumn(
                "Since last week", format="%+.1f", help="Points, by the same date; empty for a deal that is newer"
            ),
            "expected_value": st.column_config.NumberColumn("Expected value", format="localized"),
            "opportunity_id": "Deal",
            "account": "Account",
            "product": "Product",
            "sales_agent": "Agent",
            "alike": st.column_config.MultiselectColumn(
                "Past deals like it",
                options=list(_SURE),
                color=[colour for _, colour in _SURE.values()],
                help="By how many past deals of the same age, at the same time of a quarter, the chance can be checked: "
                "many are 100 or more, some 30 or more. The deal's page counts how many of them were won.",
            ),
            "manager": "Manager",
            "region": "Region",
            "engage_date": st.column_config.DateColumn("Engaged", format="localized"),
            "age_days": st.column_config.NumberColumn("Age in days", format="%d"),
            "price": st.column_config.NumberColumn("Usual price", format="localized"),
        },
        on_select="rerun",
        selection_mode="single-row",
    )
    if rows := chosen["selection"]["rows"]:
        st.switch_page("views/deal.py", query_params={"deal": pipeline.deals[rows[0]].opportunity_id})
    st.caption("Choose a row to see the deal.")


def _downloads(pipeline: Pipeline, ask: Callable[[], Pipeline]) -> None:
    def export() -> pd.DataFrame:
        """Made when it is asked for: of ten thousand deals a workbook takes a second."""
        found = ask()
        return frame(found.deals).assign(as_of=found.as_of, by=found.by, model_version=found.model_version)

    name = f"closecast-{pipeline.as_of}-to-{pipeline.by}"
    with st.container(horizontal=True):
        st.download_button(
            "Download as CSV",
            lambda: spreadsheets.to_csv(export()),
            file_name=f"{name}.csv",
            mime="text/csv",
            on_click="ignore",
        )
        st.download_button(
            "Download for Excel",
            lambda: spreadsheets.to_xlsx(export(), "Pipeline"),
            file_name=f"{name}.xlsx",
            mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            on_click="ignore",
        )
