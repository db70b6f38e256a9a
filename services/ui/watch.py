"""The page that says what monitoring found: whether the answers are still right."""

import pandas as pd
import streamlit as st

from services.ui import queries, texts, told
from services.ui.client import Client
from services.ui.responses.monitoring import Said

_MEANINGS = {
    "steady": "The answers are as good as they were when they came into use.",
    "shifted": "The deals look different from those that the answers were learnt from. "
    "That alone does not make the answers worse.",
    "harmful, estimated": "The answers are probably worse than they were: the deals have become harder to tell.",
    "harmful, proved": "The answers are worse than they were: deals ended otherwise than they say.",
    "not judged": "Nothing can be said yet.",
}
_FOLLOWS = "New ones are being learnt."


def show(api: Client) -> None:
    """Draw what the last look found, and the looks before it."""
    said = told.asked(lambda: queries.verdicts(api))
    if said is None:
        return
    st.caption("Every day the answers are compared with how deals ended.")
    if not said:
        st.info("Nobody has looked yet. The first look is on the morning after the first answers.")
        return
    latest = said[0]
    harmful = latest.verdict.startswith("harmful")
    (st.warning if harmful else st.info)(sentence(latest))
    with st.expander("Numbers"):
        st.markdown("\n".join(f"- {texts.plain(reason)}" for reason in latest.reasons))
        rows = [(one.day, one.verdict, f"version {one.version}", one.reasons[0] if one.reasons else "") for one in said]
        st.dataframe(pd.DataFrame(rows, columns=["Day", "Verdict", "Model", "First reason"]), hide_index=True)
        if latest.reports is not None:
            st.link_button("Evidently's reports in MLflow", latest.reports)


def sentence(said: Said) -> str:
    """What a verdict means to somebody who sells."""
    meaning = _MEANINGS.get(said.verdict, said.verdict)
    follows = f" {_FOLLOWS}" if said.verdict.startswith("harmful") else ""
    return f"{meaning}{follows} As of {texts.day(said.day)}."
