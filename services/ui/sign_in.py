"""Sign-in of the user interface: through the gateway, or here with the same password."""

import hmac
from collections.abc import Mapping

import streamlit as st

from closecast.platform.settings import required

HEADER = "X-Closecast-Gateway"
_SIGNED_IN = "signed_in"


def is_signed_in(environment: Mapping[str, str]) -> bool:
    """Whether this visit may see the page; if not, show the sign-in form instead.

    Raises SettingsError when the environment lacks CLOSECAST_UI_PASSWORD or CLOSECAST_UI_GATEWAY_KEY.
    """
    password = required(environment, "CLOSECAST_UI_PASSWORD")
    if _equal(_shown(), required(environment, "CLOSECAST_UI_GATEWAY_KEY")) or st.session_state.get(_SIGNED_IN):
        return True
    with st.form("sign-in", width=420):
        st.subheader("Sign in")
        given = st.text_input("Password", type="password")
        asked = st.form_submit_button("Sign in", type="primary")
    if asked and _equal(given, password):
        st.session_state[_SIGNED_IN] = True
        st.rerun()
    if asked:
        st.error("This password is wrong. The operator of Closecast finds it with `just passwords`.")
    return False


def _shown() -> str:
    """The gateway key of this visit; the gateway removes the header from what callers send."""
    return st.context.headers.get(HEADER) or ""


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
