"""What the API answers, or why it does not; and what a form has done, told once above what it changed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import streamlit as st

from services.ui import texts
from services.ui.client import ApiProblemError, ApiUnavailableError

_KEY = "told"
_Answer = TypeVar("_Answer")


def tell(place: str, message: str, secret: str | None = None) -> NoReturn:
    """Draw the page anew, and there, at `place`, the message, and a secret that is shown only then."""
    st.session_state[_KEY] = place, message, secret
    st.rerun()


def show(place: str) -> None:
    """Draw what was told at `place`, once."""
    found = st.session_state.get(_KEY)
    if found is None or found[0] != place:
        return
    del st.session_state[_KEY]
    _, message, secret = found
    st.success(message)
    if secret is not None:
        st.write("This is shown only here:")
        st.code(secret, language=None)


def asked(ask: Callable[[], _Answer]) -> _Answer | None:
    """What the API answers; None after telling why it does not."""
    try:
        return ask()
    except ApiUnavailableError as error:
        st.error(texts.plain(texts.unavailable(error, then="Open this page again in a moment.")))
    except ApiProblemError as error:
        st.error(texts.problem(error))
    return None


@contextmanager
def problems() -> Iterator[None]:
    """Show the API's refusal or outage where the form is."""
    try:
        yield
    except ApiUnavailableError as error:
        st.error(texts.unavailable(error))
    except ApiProblemError as error:
        st.error(texts.problem(error))
