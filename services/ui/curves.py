"""The part of the page "Models" that compares versions: what was decided on each, their curves, and the gate's checks."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from services.ui import locales, queries, texts, told
from services.ui.responses.evaluations import Evaluation, Registered, Target
from services.ui.visit import Visit

_TARGETS = {"By quarter end": "quarter_end", "Within 30 days": "30_days"}
_ROLES = {"champion": "serves", "shadow": "in shadow", "challenger": "newest"}
_COLOURS = ["#1f6f8b", "#b3492f"]


def show(visit: Visit) -> None:
    """Draw the table of versions, then the served one's curves, beside another's if one is chosen."""
    st.subheader("What has been trained", anchor=False)
    found = told.asked(lambda: queries.versions(visit.api))
    if found is None:
        return
    _versions(found)
    st.subheader("Curves", anchor=False)
    when, beside = st.columns(2, vertical_alignment="bottom")
    target = when.radio("Won", list(_TARGETS), horizontal=True, key="target", bind="query-params")
    others = [one.version for one in found if one.version != visit.model.version]
    other = beside.selectbox("Beside version", others, index=None, key="beside", placeholder="No other")
    wanted = [visit.model.version, *([other] if other else [])]
    evaluations = [one for version in wanted if (one := _evaluation(visit, version)) is not None]
    if not evaluations:
        return
    _both(evaluations, _TARGETS[target])
    for one in evaluations:
        _gate(one)


def _evaluation(visit: Visit, version: str) -> Evaluation | None:
    return told.asked(lambda: queries.evaluation(visit.api, version))


def _versions(found: list[Registered]) -> None:
    rows = [
        (
            one.version,
            _ROLES.get(one.role or "", ""),
            f"{one.made_at:%Y-%m-%d %H:%M}",
            one.kind or "",
            one.data_as_of or "",
            one.decision or "not decided",
            one.reasons or "",
            one.run,
        )
        for one in found
    ]
    columns = ["Version", "Role", "Made (UTC)", "Kind", "Data as of", "Decided", "Why", "Run"]
    st.dataframe(
        pd.DataFrame(rows, columns=columns),
        hide_index=True,
        column_config={
            "Run": st.column_config.LinkColumn(display_text="in MLflow"),
            "Why": st.column_config.TextColumn(width="large"),
        },
    )


def _both(evaluations: list[Evaluation], target: str) -> None:
    known = {f"version {one.version}": one.targets[target] for one in evaluations if target in one.targets}
    if not known:
        st.info("Nothing was measured: the export was too short to hold dates back.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Of deals given a chance, how many were won**")
        _chart(_points(known, lambda one: one.reliability, "predicted", "won"), "chance given", "share won")
        st.caption("On the grey line chances are right; above it more was won than said.")
    with right:
        st.markdown("**Of the most likely deals, how many of all wins**")
        gain = _points(known, lambda one: one.gain, "share", "found")
        if gain.empty:
            st.caption("It was not measured for this version.")
        else:
            _chart(gain, "most likely deals", "share of all wins")
            st.caption("On the grey line the order says nothing; the further above it, the better.")
    losses = [f"{name}: log loss {one.log_loss['candidate']:.4f}" for name, one in known.items()]
    st.caption(" · ".join([*losses, "lower is better; each on dates that the version had not seen"]))


def _points(
    known: dict[str, Target], points: Callable[[Target], tuple[dict[str, float], ...]], x: str, y: str
) -> pd.DataFrame:
    rows = [(name, point[x], point[y]) for name, one in known.items() for point in points(one)]
    return pd.DataFrame(rows, columns=["version", "x", "y"])


def _chart(points: pd.DataFrame, across: str, up: str) -> None:
    def axis(title: str, field: str) -> dict[str, Any]:
        return {
            "field": field,
            "type": "quantitative",
            "title": title,
            "scale": {"domain": [0, 1]},
            "axis": {"format": ".0%"},
        }

    names = sorted(set(points["version"]))
    st.vega_lite_chart(
        points,
        {
            "usermeta": locales.of_charts(),
            "height": 280,
            "layer": [
                {
                    "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
                    "mark": {"type": "line", "color": "#808894", "strokeWidth": 1},
                    "encoding": {"x": axis(across, "x"), "y": axis(up, "y")},
                },
                {
                    "mark": {"type": "line", "point": True},
                    "encoding": {
                        "x": axis(across, "x"),
                        "y": axis(up, "y"),
                        "color": {
                            "field": "version",
                            "type": "nominal",
                            "title": None,
                            "scale": {"domain": names, "range": _COLOURS},
                            "legend": {"orient": "bottom"},
                        },
                        "tooltip": [
                            {"field": "version"},
                            {"field": "x", "title": across, "format": ".1%"},
                            {"field": "y", "title": up, "format": ".1%"},
                        ],
                    },
                },
            ],
        },
        width="stretch",
    )


def _gate(one: Evaluation) -> None:
    with st.expander(f"What the gate said of version {one.version}"):
        st.markdown("\n".join(f"- {'✓' if passed else '✗'} {texts.plain(sentence)}" for sentence, passed in one.checks))
