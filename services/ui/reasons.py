"""The explanation of a deal's chance: its groups as bars, each with its sentence."""

from collections.abc import Mapping
from datetime import date

import pandas as pd
import streamlit as st

from closecast.deals.horizon import Horizon
from services.ui import locales, texts
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.responses.predictions import Explanation


def ask(api: Client, deal: Mapping[str, str], as_of: date | None, horizon: Horizon) -> Explanation | str:
    """Request the explanation; a sentence if there is none, because the chance can be shown without it."""
    try:
        return api.explain(deal, as_of, horizon)
    except ApiProblemError as error:
        return texts.problem(error)
    except ApiUnavailableError as error:
        return texts.unavailable(error, then="Press “Score this deal” again in a moment.")


def show(why: Explanation | str) -> None:
    """Draw the heading, the bars and the sentences."""
    st.subheader("Why")
    if isinstance(why, str):
        st.warning(why)
        return
    st.caption(texts.with_days(why.base_sentence))
    # Leave out groups without effect: they have no bar, and long sentences.
    shown = [one for one in why.reasons if texts.points(one.points) != texts.points(0)]
    shown.sort(key=lambda one: -abs(one.points))
    if not shown:
        st.markdown("This deal does not differ from the starting point.")
        return
    bars = pd.DataFrame(
        [(one.title, one.points * 100, texts.points(one.points)) for one in shown], columns=["group", "points", "label"]
    )
    reach = max(abs(one.points) * 100 for one in shown) * 1.3
    across = {"field": "points", "type": "quantitative", "title": "points", "scale": {"domain": [-reach, reach]}}
    down = {"field": "group", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 260}}
    colour = {"condition": {"test": "datum.points < 0", "value": "#b5533c"}, "value": "#1f6f8b"}
    label = {"text": {"field": "label"}}
    text = {"type": "text", "fontSize": 13, "color": "#808894"}
    st.vega_lite_chart(
        bars,
        {
            "usermeta": locales.of_charts(),
            "height": 34 * len(shown) + 70,
            "encoding": {"x": across, "y": down},
            "layer": [
                {"mark": {"type": "bar", "cornerRadiusEnd": 3}, "encoding": {"color": colour}},
                {
                    "mark": {**text, "align": "left", "dx": 6},
                    "transform": [{"filter": "datum.points >= 0"}],
                    "encoding": label,
                },
                {
                    "mark": {**text, "align": "right", "dx": -6},
                    "transform": [{"filter": "datum.points < 0"}],
                    "encoding": label,
                },
            ],
        },
        width="stretch",
    )
    st.markdown("\n".join(f"- **{one.title}** ({texts.points(one.points)}): {one.sentence}" for one in shown))
    st.caption(
        f"A point is one percentage point: from {texts.percent(why.base)}, the points lead to {texts.percent(why.probability)}."
    )
