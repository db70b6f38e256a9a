"""What a form has done, told once above what it changed: the page is drawn anew in between."""

from typing import NoReturn

import streamlit as st

_KEY = "told"


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
