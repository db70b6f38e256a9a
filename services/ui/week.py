"""The page with the few deals that are worth a call: much is at stake, and it is not decided yet."""

import streamlit as st

from closecast.deals.horizon import QUARTER_END
from services.ui import outage, queries, texts
from services.ui.client import ApiProblemError, ApiUnavailableError
from services.ui.responses.deals import Deal
from services.ui.responses.pipeline import EVERY_DEAL, Filters, OpenDeal, Pipeline
from services.ui.visit import Visit

_MOST = 10
_EVERYBODY = "Everybody's"
_HORIZON = QUARTER_END


def show(visit: Visit) -> None:
    """Draw whose deals, and for each of the first ten what it is, its chance, and one sentence why."""
    pipeline = outage.asked(lambda: _asked(visit))
    if pipeline is None:
        return
    st.caption(
        f"As of {texts.day(pipeline.as_of)}, chances to be won by {texts.day(pipeline.by)}. First come the deals of which the most "
        "money may still go either way.",
        help="The product's usual price, times the chance, times the chance that it is not won in time.",
    )
    if not pipeline.deals:
        st.info("No deal is open. Ask for the newest export to be read in, or choose somebody else.")
    for deal in pipeline.deals:
        with st.container(border=True):
            _card(visit, pipeline, deal)


def _asked(visit: Visit) -> Pipeline:
    """Draw whose deals, and ask for the first of them. Raises as Client.pipeline."""
    question = visit.model.data_as_of, _HORIZON, "stake"
    names = [_EVERYBODY, *queries.pipeline(visit.api, *question, limit=1).agents]
    # The address keeps the name: a bookmark opens the own list.
    whose = st.selectbox("Whose deals", names, key="agent", bind="query-params", width=320)
    filters = EVERY_DEAL if whose == _EVERYBODY else Filters(agents=(whose,))
    return queries.pipeline(visit.api, *question, limit=_MOST, filters=filters)


def _card(visit: Visit, pipeline: Pipeline, deal: OpenDeal) -> None:
    what, chance = st.columns([3, 1], vertical_alignment="center")
    with what:
        st.markdown(f"**{texts.plain(deal.account or 'No account')}** · {texts.plain(deal.product)}")
        st.caption(
            f"{texts.plain(deal.sales_agent)} · open for {texts.counted(deal.age_days, 'day', 'days')}"
            + ("" if deal.price is None else f" · usually {texts.money(deal.price)}")
        )
    with chance:
        st.markdown(f"**{texts.percent(deal.probability)}** by {texts.short_day(pipeline.by)}")
        if (change := texts.change(deal.probability, deal.probability_before)) is not None:
            st.caption("new this week" if deal.probability_before is None else f"{change} since last week")
    st.markdown(_why(visit, pipeline, deal))
    st.page_link(
        "views/deal.py",
        label="Open this deal",
        icon=":material/arrow_forward:",
        query_params={"deal": deal.opportunity_id},
    )


def _why(visit: Visit, pipeline: Pipeline, deal: OpenDeal) -> str:
    """The strongest reason, and what became of past deals like it; or why there is none."""
    try:
        found = queries.deal(visit.api, deal.opportunity_id, pipeline.as_of, _HORIZON)
    except ApiProblemError as error:
        return texts.plain(texts.problem(error))
    except ApiUnavailableError as error:
        return texts.plain(texts.unavailable(error, then="Open this page again in a moment."))
    return texts.plain(sentence(found))


def sentence(deal: Deal) -> str:
    """Of an open deal, the reason with the largest effect on its chance, and what became of past deals like it."""
    outlook = deal.outlook
    if outlook is None:
        return "The deal has closed in the meantime."
    strongest = max(outlook.why.reasons, key=lambda one: abs(one.points), default=None)
    why = [] if strongest is None else [strongest.sentence]
    return " ".join([*why, texts.alike(outlook.alike, deal)])
