"""Who visits: the session of the browser's cookie, which the API's own page has set, or one that begins here.

Behind the gateway nobody comes here without a session. The form here is for visits past the gateway, and for a session
that has ended with the page open. It keeps the new session with the page, until that is closed.
"""

import re

import httpx
import streamlit as st

from services.ui import outage, queries, texts
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.responses.people import Person

COOKIE = "closecast_session"  # services.api.routes.sign_in_page sets it
_TOKEN = "token"
_SOUND = re.compile(r"[!-~]{1,200}")  # what a header can carry


def visitor(address: str) -> tuple[Client, Person] | None:
    """The API for the person of this visit, and who that is; None after showing the form, or why there is no answer."""
    ended = False
    for token in (st.session_state.get(_TOKEN), st.context.cookies.get(COOKIE)):
        if not token or not _SOUND.fullmatch(token):
            continue
        api = queries.client(address, token)
        try:
            return api, queries.me(api)
        except ApiUnavailableError as error:
            outage.show(texts.unavailable(error))
            return None
        except ApiProblemError as error:
            if error.status != httpx.codes.UNAUTHORIZED:
                st.error(texts.problem(error))
                return None
            ended = True
    _form(address, ended)
    return None


def sign_out(api: Client) -> None:
    """End the session, and ask who comes next."""
    try:
        api.sign_out()
    except ApiUnavailableError as error:
        st.error(texts.unavailable(error))
        return
    except ApiProblemError as error:
        if error.status != httpx.codes.UNAUTHORIZED:  # it has ended already
            st.error(texts.problem(error))
            return
    queries.forget(api)
    st.session_state.pop(_TOKEN, None)
    st.rerun()


def _form(address: str, ended: bool) -> None:
    with st.form("sign-in", width=420):
        st.subheader("Sign in")
        if ended:
            st.caption("Your session has ended.")
        name = st.text_input("Name", autocomplete="username")
        password = st.text_input("Password", type="password", autocomplete="current-password")
        asked = st.form_submit_button("Sign in", type="primary")
    if "X-Forwarded-Host" in st.context.headers:  # the gateway has the API's page too
        st.markdown("You sign in without a password here? Go to the [sign-in page](/sign-in).")
    if not asked:
        return
    try:
        st.session_state[_TOKEN] = Client(address, None).sign_in(name, password)
    except ApiUnavailableError as error:
        st.error(texts.unavailable(error))
        return
    except ApiProblemError as error:
        is_wrong = error.status == httpx.codes.UNAUTHORIZED
        st.error("The name or the password is wrong." if is_wrong else texts.problem(error))
        return
    st.rerun()
