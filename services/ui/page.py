"""What Streamlit runs for every visit and click: who that is, the pages of that person's role, and the one asked for."""

import os
from pathlib import Path

import streamlit as st

from closecast.platform.nomad.addresses import address
from services.ui import outage, people, queries, sign_in, texts, visit
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.responses.models import ModelFacts
from services.ui.responses.people import Person
from services.ui.visit import Visit

# Streamlit leaves space for a toolbar that this page does not have.
_STYLE = "<style>.stMainBlockContainer {padding-top: 2.5rem}</style>"
VIEWS = Path(__file__).with_name("views")
# No sections: Streamlit draws them into a list that screen readers cannot follow.
_READERS = (
    ("my_week", "My week", ":material/call:"),
    ("pipeline", "Pipeline", ":material/filter_list:"),
    ("deal", "One deal", ":material/handshake:"),
    ("forecast", "Forecast", ":material/trending_up:"),
    ("past", "Past answers", ":material/history:"),
    ("models", "Models", ":material/model_training:"),
    ("still_right", "Still right?", ":material/monitoring:"),
    ("alerts", "Alerts", ":material/notifications:"),
)
_SCORERS = (
    *_READERS[:4],
    ("score", "Score a deal", ":material/calculate:"),
    ("check", "Check an export", ":material/upload_file:"),
    *_READERS[4:],
)
_ADMINS = (
    *_SCORERS,
    ("people", "People", ":material/group:"),
    ("keys", "Keys and audit", ":material/key:"),
    ("operations", "Operations", ":material/monitor_heart:"),
)
_OF_ROLE = {"viewer": _READERS, "scorer": _SCORERS, "admin": _ADMINS}


def main() -> None:
    st.set_page_config(page_title="Closecast", page_icon=":material/query_stats:", layout="wide")
    st.html(_STYLE)
    found = sign_in.visitor(_instance())
    if found is None:
        # The address stays that of the page that was asked for.
        st.navigation(_pages("admin"), position="hidden")
        return
    api, person = found
    page = st.navigation(_pages(person.role), expanded=True)
    with st.sidebar:
        _who(api, person)
    model = _model(api)
    if model is None:
        return
    with st.sidebar:
        _what(model)
    st.title(page.title, anchor=False)
    if model.is_baseline:
        st.info(texts.BASELINE_NOTE)
    visit.begin(Visit(api, person, model))
    page.run()


def _pages(role: str) -> list[st.Page]:
    return [
        st.Page(
            VIEWS / f"{name}.py",
            title=title,
            icon=icon,
            url_path=name.replace("_", "-"),
            default=name == "my_week",
        )
        for name, title, icon in _OF_ROLE[role]
    ]


def _who(api: Client, person: Person) -> None:
    """Who has signed in, that person's password, and the way out."""
    st.caption(f"Signed in as {texts.plain(person.name)} ({person.role})")
    if person.has_password:
        with st.popover("Password", width="stretch"):
            people.change_password(api)
    if st.button("Sign out", width="stretch"):
        sign_in.sign_out(api)


def _what(model: ModelFacts) -> None:
    """Which model serves; how good it was is one click away."""
    st.caption(texts.model_line(model))
    if (line := texts.evidence_line(model)) is not None:
        with st.popover("How good is it?", type="tertiary"):
            st.caption(line)


def _instance() -> str:
    """The URL of a current API instance."""
    found = address(os.environ, "CLOSECAST_API_URL")
    return (found() if found else None) or os.environ["CLOSECAST_API_URL"]


def _model(api: Client) -> ModelFacts | None:
    """The served model; None after showing why there is none."""
    try:
        return queries.model(api)
    except ApiUnavailableError as error:
        # A failure with a detail has only one reason: the service runs, but has no model.
        outage.show(texts.unavailable(error) if error.detail is None else texts.no_model(error))
    except ApiProblemError as error:
        st.error(texts.problem(error))
        st.button("Try again")
    return None


if __name__ == "__main__":
    main()
