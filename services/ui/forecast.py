"""The page of the quarter's forecast: how much, how sure, of whom, why it changed, and how earlier ones did."""

import pandas as pd
import streamlit as st

from services.ui import locales, outage, queries, texts
from services.ui.ranking import EARLIEST, LATEST
from services.ui.responses.forecast import Change, CleanUp, Forecast, PastForecast
from services.ui.visit import Visit

_GROUPS = {"product": "By product", "sales_agent": "By agent", "manager": "By manager", "region": "By region"}
_CHANGES = {
    "model": "Another model",
    "time": "Deals got older",
    "calendar": "Calendar moved on",
    "won": "Deals won",
    "lost": "Deals lost",
    "engaged": "New deals",
}
_MEANINGS = (
    "**Another model**: today's model says something else of the same day. **Deals got older**: each open deal's age. "
    "**Calendar moved on**: less of the quarter is left, and newer closes are known. **Deals won** and **deals lost**: "
    "against what was expected of them. **New deals**: those that have come since."
)
_UP, _DOWN, _WHOLE = "#2e7d5b", "#b3492f", "#1f6f8b"


def show(visit: Visit) -> None:
    """Draw the forecast of the quarter ahead of a date, by default the last one of the model's data."""
    when, split = st.columns(2, vertical_alignment="bottom")
    as_of = when.date_input(
        "As of",
        visit.model.data_as_of,
        EARLIEST,
        LATEST,
        key=f"forecast_as_of_{visit.model.data_as_of}",
        format=locales.of_fields(),
        help="What was known at the end of this day. Today's model has learnt from later days too: how forecasts that knew "
        "nothing later did is below.",
    )
    found = outage.asked(lambda: queries.forecast(visit.api, as_of, "product"))
    if found is None:
        return
    titles = {_GROUPS[name]: name for name in found.group_columns}
    shown = split.radio("Split", list(titles), horizontal=True, key="split", bind="query-params")
    if titles[shown] != "product":
        found = outage.asked(lambda: queries.forecast(visit.api, as_of, titles[shown]))
        if found is None:
            return
    _figures(found)
    _split(found, shown)
    st.subheader("Why it changed", anchor=False)
    if found.change is None:
        st.caption("The quarter has just begun: a week from its first day on there is something to compare with.")
    else:
        _change(found.change)
    _past(found.past)
    if found.clean_up.deals:
        _clean_up(found.clean_up)


def _figures(found: Forecast) -> None:
    whole, closed, is_open, new = st.columns(4)
    whole.metric("Won revenue to expect", texts.amount(found.total), border=True)
    closed.metric("Won already", texts.amount(found.closed.value), border=True)
    is_open.metric(
        "From open deals",
        texts.amount(found.open.value),
        border=True,
        help="Of each open deal the chance to be won in this quarter, times what its product is usually won at.",
    )
    new.metric(
        "From deals to come",
        texts.amount(found.new.value),
        border=True,
        help="As many deals as came lately, won as fast and at the prices that deals were won before.",
    )
    st.markdown(sentence(found))
    notes = [f"As of {texts.day(found.as_of)}.", texts.quarter(found.quarter)]
    if not found.learnt_from:
        notes.append(
            "No earlier forecast is known to be right or wrong yet, so how sure this one is, is an assumption. The flow "
            "“forecast” makes those of past weeks; it runs every morning."
        )
    st.caption(" ".join(notes))


def sentence(found: Forecast) -> str:
    """How sure the forecast is, and how it compares with the quarter before."""
    often = f"{round(found.coverage * 10)} times out of 10"
    parts = [f"{often} it ends between **{texts.money(found.low)}** and **{texts.money(found.high)}**."]
    if found.last_quarter:
        share = found.total / found.last_quarter - 1
        parts.append(
            f"The forecast is {round(abs(share) * 100)} % {'more' if share >= 0 else 'less'} than the quarter before, "
            f"which ended at {texts.money(found.last_quarter)}."
        )
    return " ".join(parts)


def _split(found: Forecast, title: str) -> None:
    st.subheader(title, anchor=False)
    rows = [(one.name or "none", one.closed.value, one.open.value, one.new.value, one.total) for one in found.groups]
    columns = [
        title.removeprefix("By ").capitalize(),
        "Won already",
        "From open deals",
        "From deals to come",
        "Together",
    ]
    st.dataframe(
        pd.DataFrame(rows, columns=columns).round(0),
        hide_index=True,
        width="stretch",
        column_config={name: st.column_config.NumberColumn(format="localized") for name in columns[1:]},
    )


def _change(change: Change) -> None:
    difference = round(change.after - change.before, 2)
    st.markdown(
        f"On {texts.day(change.since)} it was {texts.money(change.before)}; now it is {texts.money(change.after)}, "
        f"{texts.money(abs(difference))} {'more' if difference >= 0 else 'less'}."
    )
    _waterfall(change)
    lines = [f"{label} {texts.money(change.parts[name], 2, sign=True)}" for name, label in _CHANGES.items()]
    st.caption(" · ".join(lines) + f" · together {texts.money(difference, 2, sign=True)}")
    with st.popover("What is what?", type="tertiary"):
        st.markdown(_MEANINGS)


def _waterfall(change: Change) -> None:
    """A step for each part, from the forecast before to the one now; both are points, since no bar begins at nothing."""
    rows, level = [("Before", change.before, change.before, _WHOLE, texts.amount(change.before))], change.before
    for name, label in _CHANGES.items():
        amount = change.parts[name]
        rows.append((label, level, level + amount, _UP if amount >= 0 else _DOWN, texts.amount(amount, sign=True)))
        level += amount
    rows.append(("Now", change.after, change.after, _WHOLE, texts.amount(change.after)))
    frame = pd.DataFrame(rows, columns=["step", "from", "to", "colour", "amount"])
    frame["right"] = frame[["from", "to"]].max(axis=1)
    levels = [level for _, *both, _, _ in rows for level in both]
    least, most = min(levels), max(levels)
    # With room for the last label, also where nothing changed.
    reach = max(most - least, abs(most) * 0.01, 1.0)
    domain = {"domain": [least - reach * 0.05, most + reach * 0.2], "nice": False, "zero": False}
    across = {"type": "quantitative", "title": None, "scale": domain, "axis": {"format": ",.0f"}}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    st.vega_lite_chart(
        frame,
        {
            "usermeta": locales.of_charts(),
            "height": 34 * len(frame) + 30,
            "encoding": {
                "y": {"field": "step", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 200}},
                "tooltip": [{"field": "step"}, {"field": "amount"}],
            },
            "layer": [
                {
                    "mark": {"type": "bar"},
                    "encoding": {"x": {"field": "from", **across}, "x2": {"field": "to"}, "color": colour},
                },
                {
                    "transform": [{"filter": "datum.from == datum.to"}],
                    "mark": {"type": "point", "filled": True, "size": 90},
                    "encoding": {"x": {"field": "to", **across}, "color": colour},
                },
                {
                    "mark": {"type": "text", "align": "left", "dx": 8, "fontSize": 13, "color": "#808894"},
                    "encoding": {"x": {"field": "right", **across}, "text": {"field": "amount"}},
                },
            ],
        },
        width="stretch",
    )


def _past(past: tuple[PastForecast, ...]) -> None:
    st.subheader("How earlier forecasts did", anchor=False)
    known = [one for one in past if one.actual is not None]
    if not known:
        st.caption("None is known yet: they are compared with what was won once their quarter is over.")
        return
    within = sum(bool(one.is_within) for one in known)
    st.markdown(
        f"Of {texts.counted(len(known), 'past forecast', 'past forecasts')}, {texts.whole(within)} had the result between their "
        f"bounds. Each was made with what was known on its day."
    )
    frame = pd.DataFrame(
        [(one.as_of, one.total, one.low, one.high, one.actual) for one in past],
        columns=["as of", "forecast", "low", "high", "result"],
    )
    day = {"field": "as of", "type": "temporal", "title": "as of"}
    axis = {"type": "quantitative", "title": None, "axis": {"format": ",.0f"}}
    st.vega_lite_chart(
        frame,
        {
            "usermeta": locales.of_charts(),
            "height": 240,
            "encoding": {"x": day},
            "layer": [
                {
                    "mark": {"type": "area", "opacity": 0.25, "color": _WHOLE},
                    "encoding": {"y": {"field": "low", **axis}, "y2": {"field": "high"}},
                },
                {
                    "mark": {"type": "line", "point": True, "color": _WHOLE},
                    "encoding": {
                        "y": {"field": "forecast", **axis},
                        "tooltip": [
                            {"field": "as of", "type": "temporal"},
                            *({"field": name, "format": ",.0f"} for name in ("forecast", "low", "high", "result")),
                        ],
                    },
                },
                {
                    "mark": {"type": "line", "strokeDash": [5, 4], "color": _DOWN, "interpolate": "step-after"},
                    "encoding": {"y": {"field": "result", **axis}},
                },
            ],
        },
        width="stretch",
    )
    st.caption("The line is the forecast, the area its bounds, the dashes what the quarter brought in the end.")


def _clean_up(old: CleanUp) -> None:
    st.subheader("To clean up", anchor=False)
    st.markdown(
        f"{texts.counted(old.deals, 'open deal is', 'open deals are')} older than {texts.whole(old.older_than_days)} days, the longest "
        f"that any deal has taken to close. At their usual prices they look like {texts.money(old.worth)}; to the forecast "
        f"they add {texts.money(old.adds)}. Close those that are dead."
    )
    st.page_link(
        "views/pipeline.py",
        label="See these deals",
        icon=":material/arrow_forward:",
        query_params={"min_age": str(old.older_than_days + 1)},
    )
