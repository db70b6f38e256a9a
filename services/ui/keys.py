"""The page on which admins see and change API keys, and read what was done to keys, people and models."""

from datetime import datetime

import pandas as pd
import streamlit as st

from services.ui import queries, texts, told
from services.ui.client import Client
from services.ui.responses.keys import Key

_LIFETIMES = {"30 days": 30, "90 days": 90, "a year": 365, "until it is revoked": None}
_PLACE = "keys"


def show(api: Client) -> None:
    """Draw the keys, the forms that change them, and the audit log."""
    answer = told.asked(lambda: (queries.keys(api), queries.acts(api)))
    if answer is None:
        return
    keys, acts = answer
    st.subheader("API keys", anchor=False)
    told.show(_PLACE)
    rows = [
        (one.id, one.name, one.role, one.state, _moment(one.last_used_at), _moment(one.expires_at), one.created_by)
        for one in keys
    ]
    columns = ["Key", "Of", "Role", "State", "Last used", "Expires", "Made by"]
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True)
    making, revoking = st.columns(2)
    with making:
        _make(api)
    with revoking:
        _revoke(api, [one for one in keys if one.state == "active"])
    st.subheader("What was done", anchor=False)
    entries = [(one.seq, _moment(one.at), one.actor, one.act, one.subject) for one in acts]
    table = pd.DataFrame(entries, columns=["No.", "When (UTC)", "Who", "Did", "To what"])
    st.dataframe(table, hide_index=True)
    if st.button("Check that nothing was changed"):  # it reads the whole log
        _verify(api)


def _verify(api: Client) -> None:
    with told.problems():
        verified = api.verify_audit()
        if verified.fault is None:
            st.success(f"{texts.counted(verified.entries, 'entry', 'entries')}, unbroken from the first to the last.")
        else:
            st.error(f"The log was tampered with: {texts.plain(verified.fault)}")


def _make(api: Client) -> None:
    with st.form("make-key", clear_on_submit=True):
        st.write("**Make a key**")
        name = st.text_input("What for", max_chars=100, placeholder="nightly scoring")
        role = st.selectbox("It may", list(texts.ROLES), index=1, format_func=texts.role)
        lifetime = st.selectbox("Valid for", list(_LIFETIMES), index=1)
        asked = st.form_submit_button("Make")
    if not asked:
        return
    with told.problems():
        issued = api.create_key(name, role, _LIFETIMES[lifetime])
        queries.changed(api)
        told.tell(_PLACE, f"The key {issued.key.id} is made.", issued.secret)


def _revoke(api: Client, keys: list[Key]) -> None:
    names = {one.id: f"{one.id}, {one.name}" for one in keys}
    with st.form("revoke-key"):
        st.write("**Revoke a key**")
        identity = st.selectbox(
            "Which", list(names), index=None, placeholder="None", format_func=lambda one: names.get(one, one)
        )
        is_meant = st.checkbox("Its programs are to be refused from now on")
        asked = st.form_submit_button("Revoke")
    if not asked:
        return
    if identity is None or not is_meant:
        st.info("Choose a key, and say that you mean it.")
        return
    with told.problems():
        api.revoke_key(identity)
        queries.changed(api)
        told.tell(_PLACE, f"The key {identity} is revoked.")


def _moment(value: datetime | None) -> str:
    return "never" if value is None else f"{value:%Y-%m-%d %H:%M}"
