"""The page of those who run the platform: whether the API and what it needs are well, and where other pages are."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from closecast.platform.nomad.addresses import address
from services.ui import outage, queries, texts
from services.ui.responses.operations import Operations
from services.ui.visit import Visit

# Where their own pages are; what is not known is left out.
_PAGES = {"Nomad": "CLOSECAST_NOMAD_URL", "Prefect": "CLOSECAST_PREFECT_URL", "MLflow": "CLOSECAST_MLFLOW_URL"}


def show(visit: Visit, environment: Mapping[str, str]) -> None:
    """Draw what the API needs, what it has answered, its figures, and the links."""
    found = outage.asked(lambda: queries.operations(visit.api))
    if found is not None:
        _needs(found)
        _routes(found)
        _runs(found)
        with st.expander("All figures of this instance"):
            figures = pd.DataFrame(sorted(found.figures.items()), columns=["Figure", "Value"])
            st.dataframe(figures, hide_index=True)
    _links(environment)


def _needs(found: Operations) -> None:
    away = [one for one in found.dependencies if one.problem is not None]
    if away:
        st.error("Away: " + texts.plain(", ".join(one.name for one in away)) + ".")
    elif found.model_problem is None:
        st.success("Everything that the API needs answers.")
    if found.model_problem is not None:
        st.warning(texts.plain(texts.sentence(found.model_problem)))
    rows = [(one.name, one.milliseconds, one.problem or "") for one in found.dependencies]
    st.dataframe(
        pd.DataFrame(rows, columns=["What the API needs", "Answered in ms", "Problem"]),
        hide_index=True,
        column_config={"Answered in ms": st.column_config.NumberColumn(format="%.1f")},
    )
    st.caption(
        f"Told by the API's instance {texts.plain(found.instance)}, which began on {found.since:%Y-%m-%d %H:%M} UTC."
    )


def _routes(found: Operations) -> None:
    st.subheader("What it has answered", anchor=False)
    rows = [(one.route, one.requests, one.failed, one.median_ms, one.p99_ms) for one in found.routes]
    columns = ["Route", "Requests", "Failed (5xx)", "Half within ms", "99 % within ms"]
    st.dataframe(
        pd.DataFrame(rows, columns=columns),
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format="%.1f") for name in columns[3:]},
    )
    st.caption("Times are those of the histogram in its metrics: the true ones are a little shorter.")


def _runs(found: Operations) -> None:
    st.subheader("Last runs of the flows", anchor=False)
    if found.runs is None:
        st.caption("Not known just now: the database is away.")
        return
    if not found.runs:
        st.caption("No run has ended yet.")
        return
    rows = [(one.flow, one.state, one.ended_at, one.seconds, one.message, one.page) for one in found.runs]
    st.dataframe(
        pd.DataFrame(rows, columns=["Flow", "State", "Ended", "Seconds", "Message", "In Prefect"]),
        hide_index=True,
        column_config={
            "Ended": st.column_config.DatetimeColumn(format="localized"),
            "Seconds": st.column_config.NumberColumn(format="%.0f"),
            "In Prefect": st.column_config.LinkColumn(display_text="Open"),
        },
    )


def _links(environment: Mapping[str, str]) -> None:
    st.subheader("Other pages", anchor=False)
    found = {}
    for name, variable in _PAGES.items():
        known = address(environment, variable)
        url = known() if known else None
        if url:
            found[name] = url
    if not found:
        st.caption("Their addresses are not known here: “just status” prints them.")
        return
    for name, url in found.items():
        st.link_button(f"Open {name}", url, icon=":material/open_in_new:")
    st.caption("They listen on the machine of the platform alone; “just passwords” prints what opens them.")
