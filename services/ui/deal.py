"""The page of one deal: its chance by date and week by week, why, past deals like it, and what people expect."""

from collections.abc import Callable
from datetime import date

import pandas as pd
import streamlit as st

from services.ui import locales, opinions, outage, queries, reasons, texts
from services.ui.client import ApiProblemError, ApiUnavailableError
from services.ui.responses.deals import Alike, ChanceBy, Deal, Outlook
from services.ui.responses.pipeline import OpenDeal
from services.ui.visit import Visit

_STATES = {"Engaging": "stayed open"}
_PARAMETER = "deal"
_LONGEST = 500  # characters of an identifier that the API takes


def show(visit: Visit) -> None:
    """Draw the choice of a deal, and the deal."""
    identifier = _chosen(visit)
    if identifier is None:
        st.info("Choose a deal, or open one from “My week” or “Pipeline”.")
        return
    # A segmented control's choice cannot be read in the dark theme.
    horizon = st.radio("Won by when", list(texts.HORIZONS), horizontal=True, key="until", bind="query-params")
    question = identifier, visit.model.data_as_of, texts.HORIZONS[horizon]
    deal = outage.asked(lambda: queries.deal(visit.api, *question))
    if deal is None:
        return
    _head(deal)
    if deal.outlook is not None:
        _outlook(deal, deal.outlook)
    if len(deal.past) > 1:
        st.subheader("Week by week", anchor=False)
        _line(deal.past, lambda one: one.as_of, "as of")
        st.caption(f"The chance to be won by {texts.day(deal.past[-1].by)}, as today's model sees it in each week.")
    if deal.outlook is not None:
        reasons.show(deal.outlook.why)
        _alike(deal, deal.outlook.alike)
    opinions.show(visit, deal)


def _chosen(visit: Visit) -> str | None:
    """The deal of the address, or one chosen here, open or typed in."""
    try:
        pipeline = queries.pipeline(visit.api, visit.model.data_as_of, "quarter_end")
    except (ApiUnavailableError, ApiProblemError):
        named = {}  # the deal itself is asked for below, and what is wrong is told there
    else:
        named = {one.opportunity_id: one for one in pipeline.deals}
    # A bound widget would put its label into the address, and not the identifier.
    asked = st.query_params.get(_PARAMETER)
    if asked and _PARAMETER not in st.session_state:
        st.session_state[_PARAMETER] = asked[:_LONGEST]
    chosen: str | None = st.selectbox(
        "Deal",
        list(named),
        index=None,
        format_func=lambda name: _label(name, named.get(name)),
        key=_PARAMETER,
        accept_new_options=True,
        placeholder="Choose an open deal, or type any deal's identifier",
    )
    if not chosen:
        st.query_params.pop(_PARAMETER, None)
        return None
    st.query_params[_PARAMETER] = chosen = chosen[:_LONGEST]
    return chosen


def _label(identifier: str, deal: OpenDeal | None) -> str:
    return identifier if deal is None else f"{identifier} · {deal.account or 'no account'} · {deal.product}"


def _head(deal: Deal) -> None:
    who = " · ".join((deal.account or "No account", deal.product, deal.sales_agent))
    engaged = "" if deal.engage_date is None else f" · engaged on {texts.day(deal.engage_date)}"
    st.markdown(f"**{texts.plain(who)}**{engaged}")
    if deal.state == "prospecting" and deal.outlook is None:
        st.info("Nobody has engaged this deal yet: without an engage date there is no chance to compute.")
    elif deal.close_date is not None:
        worth = "" if deal.close_value is None else f", at {texts.money(deal.close_value)}"
        (st.success if deal.state == "won" else st.warning)(
            f"{deal.state.capitalize()} on {texts.day(deal.close_date)}{worth}."
        )


def _outlook(deal: Deal, outlook: Outlook) -> None:
    chance, worth, value = st.columns(3)
    chance.metric(f"Chance to be won by {texts.day(deal.by)}", texts.percent(outlook.probability), border=True)
    price = outlook.price
    worth.metric("Usual price", "not known" if price is None else texts.amount(price), border=True)
    value.metric(
        "Expected value",
        "not known" if price is None else texts.amount(price * outlook.probability),
        border=True,
        help="The chance times the product's usual price.",
    )
    st.caption(
        f"As of {texts.day(deal.as_of)}, by version {deal.model_version} of the model. {texts.quarter(deal.quarter)} "
        + texts.alike(outlook.alike, deal)
    )
    st.subheader("By when", anchor=False)
    _line(outlook.curve, lambda one: one.by, "won by")


def _line(points: tuple[ChanceBy, ...], day: Callable[[ChanceBy], date], title: str) -> None:
    """A line of chances over days, from 0 to 100 %."""
    frame = pd.DataFrame([(day(one), one.probability, texts.percent(one.probability)) for one in points])
    frame.columns = ["day", "probability", "chance"]
    st.vega_lite_chart(
        frame,
        {
            "usermeta": locales.of_charts(),
            "height": 190,
            "mark": {"type": "line", "point": True, "color": "#1f6f8b"},
            "encoding": {
                "x": {"field": "day", "type": "temporal", "title": title},
                "y": {
                    "field": "probability",
                    "type": "quantitative",
                    "title": None,
                    "scale": {"domain": [0, 1]},
                    "axis": {"format": ".0%"},
                },
                "tooltip": [{"field": "day", "type": "temporal"}, {"field": "chance"}],
            },
        },
        width="stretch",
    )


def _alike(deal: Deal, alike: Alike) -> None:
    with st.expander("Past deals like it"):
        st.markdown(texts.plain(texts.alike(alike, deal)))
        if not alike.deals:
            return
        rows = [
            (
                one.opportunity_id,
                one.account or "",
                one.product,
                one.sales_agent,
                _on(one.on),
                _ended(one.stage, one.closed_after_days),
            )
            for one in alike.deals
        ]
        columns = ["Deal", "Account", "Product", "Agent", "As old on", "What became of it"]
        st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True)
        st.caption("The most similar of them: the same product first, then the nearest time of the quarter.")


def _on(day: date) -> str:
    return texts.day(day)


def _ended(stage: str, after: int | None) -> str:
    if after is None:
        return _STATES.get(stage, stage)
    return f"{stage.lower()} after {texts.counted(after, 'day', 'days')}"
