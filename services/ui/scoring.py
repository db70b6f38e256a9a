"""The page that scores one deal: its form, and the chance or an error."""

from datetime import date

import pandas as pd
import streamlit as st

from closecast.deals.horizon import Horizon
from services.ui import locales, queries, reasons, texts, whatif
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.ranking import EARLIEST, LATEST, choices
from services.ui.responses.models import ModelFacts
from services.ui.responses.pipeline import Pipeline
from services.ui.responses.predictions import Explanation, Prediction

_SHOWN = "scored"  # key of the last answer, which must survive the page's next run
_Question = tuple[dict[str, str], date, Horizon]
_Answer = tuple[_Question, Prediction, Explanation | str] | str  # a chance and its explanation, or an error


def show(api: Client, model: ModelFacts) -> None:
    """Draw the form and, beside it, the answer."""
    try:
        pipeline = queries.pipeline(api, model.data_as_of, "quarter_end")
    except (ApiUnavailableError, ApiProblemError):
        pipeline = None  # only names to choose from: others can be typed, and the answer says what is wrong
    left, right = st.columns(2, gap="large")
    with left:
        asked = _form(api, model, pipeline)
    if asked is not None:
        st.session_state[_SHOWN] = asked
    answered = st.session_state.get(_SHOWN)
    with right:
        _show(answered)
    if isinstance(answered, tuple):
        question, answer, _ = answered
        names = {} if pipeline is None else {"product": list(pipeline.products), "sales_agent": list(pipeline.agents)}
        whatif.show(api, question, answer, names)


def _form(api: Client, model: ModelFacts, pipeline: Pipeline | None) -> _Answer | None:
    """Draw the form; returns the answer if it was just submitted, else None."""
    with st.form("score"):
        first, second = st.columns(2)
        engaged = first.date_input(
            "Engage date", None, EARLIEST, LATEST, key="score_engaged", format=locales.of_fields()
        )
        as_of = second.date_input(
            "As-of date",
            model.data_as_of,
            EARLIEST,
            LATEST,
            key=f"score_as_of_{model.data_as_of}",
            format=locales.of_fields(),
            help="What was known at the end of this day. The default is the last date of the model's data.",
        )
        horizon = first.selectbox("Won by when", list(texts.HORIZONS), key="score_horizon")
        with second:
            product = _name("Product", choices(pipeline, lambda deal: deal.product) if pipeline else [])
        with first:
            agent = _name("Agent", choices(pipeline, lambda deal: deal.sales_agent) if pipeline else [])
        with second:
            account = _name("Account", choices(pipeline, lambda deal: deal.account) if pipeline else [])
        if not any(word in name for name in model.features for word in ("product", "agent", "account")):
            st.caption("This model uses only the dates: product, agent and account do not change its answer.")
        sent = st.form_submit_button("Score this deal", type="primary")
    if not sent:
        return None
    given = {
        "engage_date": engaged.isoformat() if isinstance(engaged, date) else None,
        "product": product,
        "sales_agent": agent,
        "account": account,
    }
    question: _Question = {name: value for name, value in given.items() if value}, as_of, texts.HORIZONS[horizon]
    try:
        return question, api.predict(*question), reasons.ask(api, *question)
    except ApiProblemError as error:
        return texts.problem(error)
    except ApiUnavailableError as error:
        return texts.unavailable(error, then="Press “Score this deal” again in a moment.")


def _name(label: str, names: list[str]) -> str | None:
    """A name from the pipeline, or one typed in; None if left empty."""
    chosen: str | None = st.selectbox(
        label, names, index=None, key=f"score_{label.lower()}", placeholder="Choose or type", accept_new_options=True
    )
    return chosen


def _show(answered: _Answer | None) -> None:
    if answered is None:
        st.info("Enter the day on which an agent engaged the deal, and press “Score this deal”.")
        return
    if isinstance(answered, str):
        st.error(answered)
        return
    _, answer, why = answered
    st.metric(f"Chance to be won by {texts.day(answer.by)}", texts.percent(answer.probability))
    bars = pd.DataFrame(
        [
            (texts.STANDARD_HORIZONS[name], value, texts.percent(value))
            for name, value in answer.probabilities.items()
            if name in texts.STANDARD_HORIZONS
        ],
        columns=["horizon", "probability", "label"],
    )
    # Space for the label of a bar that is nearly full; its grey is readable in light and dark mode.
    across = {
        "field": "probability",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [0, 1.1]},
        "axis": {"format": ".0%", "values": [0, 0.25, 0.5, 0.75, 1]},
    }
    down = {"field": "horizon", "type": "nominal", "title": None, "sort": None}
    st.vega_lite_chart(
        bars,
        {
            "usermeta": locales.of_charts(),
            "height": 190,
            "encoding": {"x": across, "y": down},
            "layer": [
                {"mark": {"type": "bar", "cornerRadiusEnd": 3, "color": "#1f6f8b"}},
                {
                    "mark": {"type": "text", "align": "left", "dx": 6, "fontSize": 14, "color": "#808894"},
                    "encoding": {"text": {"field": "label"}},
                },
            ],
        },
        width="stretch",
    )
    st.caption(
        f"As of {texts.day(answer.as_of)}, by version {answer.model_version} of the model. {texts.quarter(answer.quarter)}"
    )
    reasons.show(why)
