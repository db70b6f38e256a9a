"""The page with the open alerts, pages first, and the silences, which admins make and end."""

from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from services.ui import queries, texts, told
from services.ui.client import Client
from services.ui.responses.monitoring import OpenAlert, Silence
from services.ui.responses.people import Person

_PLACE = "alerts"
_HOURS = {"an hour": 1, "four hours": 4, "a day": 24, "a week": 168}


def show(api: Client, person: Person) -> None:
    """Draw the open alerts, or that there are none, and what is silenced."""
    told.show(_PLACE)
    answer = told.asked(lambda: (queries.alerts(api), queries.silences(api)))
    if answer is None:
        return
    found, silenced = answer
    if not found:
        st.success("No alert is open.")
    for one in sorted(found, key=lambda one: one.severity != "page"):
        box = st.error if one.severity == "page" else st.warning
        box(_text(one))
    if silenced:
        _silenced(silenced)
    if person.role != "admin":
        return
    making, ending = st.columns(2)
    with making:
        _silence(api, sorted({one.rule for one in found}))
    with ending:
        _end(api, silenced)


def _silenced(silenced: list[Silence]) -> None:
    st.subheader("Silenced", anchor=False)
    st.caption("These alerts stay open. Nobody is told of them until then.")
    rows = [(one.number, _what(one), f"{one.until:%Y-%m-%d %H:%M}", one.who, one.why) for one in silenced]
    st.dataframe(pd.DataFrame(rows, columns=["No.", "Alerts", "Until (UTC)", "By", "Why"]), hide_index=True)


def _what(one: Silence) -> str:
    labels = ", ".join(f"{name} {value}" for name, value in one.labels.items())
    return " of ".join(filter(None, (one.rule or "every rule", labels)))


def _silence(api: Client, rules: list[str]) -> None:
    if not rules:
        return
    with st.form("silence", clear_on_submit=True):
        st.subheader("Silence alerts", anchor=False)
        rule = st.selectbox("Of the rule", rules)
        hours = st.selectbox("For", list(_HOURS))
        why = st.text_input("Because", max_chars=500)
        asked = st.form_submit_button("Silence")
    if not asked:
        return
    if not why.strip():
        st.info("Say why: somebody else will wonder.")
        return
    with told.problems():
        made = api.silence(rule, _HOURS[hours], why)
        queries.silences.clear(api)
        told.tell(_PLACE, f"Nobody is told of {texts.plain(rule)} until {made.until:%Y-%m-%d %H:%M} UTC.")


def _end(api: Client, silenced: list[Silence]) -> None:
    if not silenced:
        return
    with st.form("end"):
        st.subheader("End a silence", anchor=False)
        number = st.selectbox("Number", [one.number for one in silenced])
        asked = st.form_submit_button("End")
    if asked:
        with told.problems():
            api.end_silence(number)
            queries.silences.clear(api)
            told.tell(_PLACE, f"Silence {number} has ended.")


def _text(one: OpenAlert) -> str:
    lines = (
        [f"**{texts.plain(one.summary)}**", texts.plain(one.description)]
        if one.description
        else [f"**{texts.plain(one.summary)}**"]
    )
    lines.append(f"since {one.opened_at:%Y-%m-%d %H:%M} UTC · rule {texts.plain(one.rule)}")
    lines += [f"{texts.plain(name)}: {_link(address)}" for name, address in one.links.items()]
    return "\n\n".join(lines)


def _link(address: str) -> str:
    """An address of the web as a link, all else as text."""
    try:
        parts = urlsplit(address)
        is_web = parts.scheme in ("http", "https") and parts.hostname is not None
    except ValueError:
        is_web = False
    if is_web and not set(address) & set("<>()[] \\\"'`"):
        return f"<{address}>"
    return texts.plain(address)
