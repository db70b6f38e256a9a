"""The page with the open alerts: pages first, each with its text and links."""

from urllib.parse import urlsplit

import streamlit as st

from services.ui import queries, texts
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.responses.monitoring import OpenAlert


def show(api: Client) -> None:
    """Draw the open alerts, or that there are none."""
    try:
        found = queries.alerts(api)
    except ApiProblemError as error:
        st.error(texts.problem(error))
        return
    except ApiUnavailableError as error:
        st.error(texts.unavailable(error, then="Open the page again in a moment."))
        return
    if not found:
        st.success("No alert is open.")
    for one in sorted(found, key=lambda one: one.severity != "page"):
        box = st.error if one.severity == "page" else st.warning
        box(_text(one))


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
