"""The message during an outage, with retries by a button and every few seconds."""

import streamlit as st

_AGAIN = "tries_again"


def show(message: str) -> None:
    """Show the message, the button, and the timer that reruns the page."""
    st.warning(message)
    st.button("Try again")  # a click reruns the page
    st.session_state[_AGAIN] = False
    _timer()


@st.fragment(run_every="5s")
def _timer() -> None:
    """Rerun the page, except in the first run, which is the page's own."""
    if st.session_state[_AGAIN]:
        st.rerun()
    st.session_state[_AGAIN] = True
