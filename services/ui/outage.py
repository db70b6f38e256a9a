"""What a page cannot do without: what the API answers, or the message during an outage, with retries every few seconds."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from services.ui import texts
from services.ui.client import ApiProblemError, ApiUnavailableError

_Answer = TypeVar("_Answer")
_AGAIN = "tries_again"


def asked(ask: Callable[[], _Answer]) -> _Answer | None:
    """What the API answers; None after telling why it does not, and during an outage trying again."""
    try:
        return ask()
    except ApiUnavailableError as error:
        show(texts.unavailable(error))
    except ApiProblemError as error:
        st.error(texts.problem(error))
    return None


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
