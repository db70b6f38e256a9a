"""Says that the service does not answer, and asks again: by a button, and every few seconds by itself."""

import streamlit as st

_AGAIN = "tries_again"


def show(message: str) -> None:
    """The message, the button, and the timer that runs the whole page anew."""
    st.warning(message)
    st.button("Try again")  # a click runs the page anew, and that is all it takes
    st.session_state[_AGAIN] = False
    _timer()


@st.fragment(run_every="5s")
def _timer() -> None:
    """Its first run is the page's own; the later ones are the timer's."""
    if st.session_state[_AGAIN]:
        st.rerun()
    st.session_state[_AGAIN] = True
