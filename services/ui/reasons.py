"""Why a deal has its chance: the groups of its explanation as bars to either side, each with its sentence."""

from collections.abc import Mapping
from datetime import date

import pandas as pd
import streamlit as st

from closecast.deals.horizon import Horizon
from services.ui import words
from services.ui.answers import Explanation
from services.ui.client import ApiProblemError, ApiUnavailableError, Client


def ask(api: Client, deal: Mapping[str, str], as_of: date | None, horizon: Horizon) -> Explanation | str:
    """The explanation, or a sentence why there is none: the chance itself can be shown without it."""
    try:
        return api.explain(deal, as_of, horizon)
    except ApiProblemError as error:
        return words.problem(error)
    except ApiUnavailableError as error:
        return words.unavailable(error, then="Press “Score this deal” again in a moment.")


def show(why: Explanation | str) -> None:
    """Draws the heading, the bars and the sentences."""
    st.subheader("Why")
    if isinstance(why, str):
        st.warning(why)
        return
    st.caption(why.base_sentence)
    # A group that changes nothing has no bar to show, and its sentence would say so at length.
    shown = [one for one in why.reasons if words.points(one.points) != words.points(0)]
    shown.sort(key=lambda one: -abs(one.points))
    if not shown:
        st.markdown("Nothing tells this deal from the starting point.")
        return
    bars = pd.DataFrame(
        [(one.title, one.points * 100, words.points(one.points)) for one in shown], columns=["group", "points", "label"]
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
            "height": 34 * len(shown) + 40,
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
    st.markdown("\n".join(f"- **{one.title}** ({words.points(one.points)}): {one.sentence}" for one in shown))
    st.caption(
        f"A point is one percentage point: from {words.percent(why.base)}, the points lead to {words.percent(why.probability)}."
    )
