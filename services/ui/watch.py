"""The page that says what monitoring found: whether the answers are still right."""

from dataclasses import asdict

import pandas as pd
import streamlit as st

from services.ui import queries, texts, told
from services.ui.client import Client
from services.ui.responses.monitoring import Month, Moved, Said

_MEANINGS = {
    "steady": "The answers are as good as they were when they came into use.",
    "shifted": "The deals look different from those that the answers were learnt from. "
    "That alone does not make the answers worse.",
    "harmful, estimated": "The answers are probably worse than they were: the deals have become harder to tell.",
    "harmful, proved": "The answers are worse than they were: deals ended otherwise than they say.",
    "not judged": "Nothing can be said yet.",
}
_OF_DRIFT = {
    "of": "Deals",
    "column": "Column",
    "state": "State",
    "distance": "Distance",
    "threshold": "Threshold",
    "mean": "Mean",
    "reference_mean": "Mean in the reference",
}
_OF_MONTHS = {
    "month": "Month",
    "deals": "Deals",
    "predictions": "Predictions",
    "log_loss": "Log loss",
    "expected_log_loss": "If each is right",
    "share_won": "Share won",
    "mean_probability": "Mean probability",
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
        _numbers(said)


def _numbers(said: list[Said]) -> None:
    """For who wants to know more: the verdicts, what drifted, and how good the answers were."""
    latest = said[0]
    verdicts, drift, performance = st.tabs(["Verdicts", "Drift", "Performance"])
    with verdicts:
        st.markdown("\n".join(f"- {texts.plain(reason)}" for reason in latest.reasons))
        rows = [(one.day, one.verdict, f"version {one.version}", one.reasons[0] if one.reasons else "") for one in said]
        st.dataframe(pd.DataFrame(rows, columns=["Day", "Verdict", "Model", "First reason"]), hide_index=True)
        if latest.reports is not None:
            st.link_button("Evidently's reports in MLflow", latest.reports)
    with drift:
        _drift(latest.moved)
    with performance:
        _performance(latest.months)


def _drift(moved: tuple[Moved, ...]) -> None:
    if not moved:
        st.caption("Nothing was compared: there is no reference, or there were too few deals.")
        return
    st.caption(
        "Each column beside the same phase of the quarter in the reference. A distance above the threshold is drift; those "
        "with the largest share of it come first."
    )
    table = pd.DataFrame([asdict(one) for one in moved])
    share = (table["distance"].astype(float) / table["threshold"].astype(float)).fillna(-1.0)
    order = share.sort_values(ascending=False, kind="stable").index
    _table(table.loc[order].rename(columns=_OF_DRIFT), "%.3g")


def _performance(months: tuple[Month, ...]) -> None:
    if not months:
        st.caption("No prediction has matured yet: what becomes of the deals is known once their horizons have passed.")
        return
    st.caption(
        "The predictions that matured in each month. Log loss: lower is better; beside it what it would be if each "
        "probability were right."
    )
    table = pd.DataFrame([asdict(one) for one in months]).rename(columns=_OF_MONTHS)
    levels = [_OF_MONTHS[name] for name in ("log_loss", "expected_log_loss")]
    st.line_chart(table.set_index(_OF_MONTHS["month"])[levels], height=220)
    _table(table, "%.4f")


def _table(table: pd.DataFrame, written: str) -> None:
    """Draw a table whose numbers, from the fourth column on, are `written` so."""
    numbers = {name: st.column_config.NumberColumn(format=written) for name in table.columns[3:]}
    st.dataframe(table, hide_index=True, column_config=numbers)


def sentence(said: Said) -> str:
    """What a verdict means to somebody who sells."""
    meaning = _MEANINGS.get(said.verdict, said.verdict)
    follows = f" {_FOLLOWS}" if said.verdict.startswith("harmful") else ""
    return f"{meaning}{follows} As of {texts.day(said.day)}."
