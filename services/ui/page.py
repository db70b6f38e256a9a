"""The page that Streamlit runs for every visit and click: a header and six tabs or, for admins, eight; or an error."""

import os

import streamlit as st

from closecast.platform.nomad.addresses import address
from services.ui import (
    alerts,
    checking,
    history,
    keys,
    outage,
    people,
    queries,
    ranking,
    scoring,
    sign_in,
    texts,
    watch,
)
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.responses.models import ModelFacts
from services.ui.responses.people import Person

# Streamlit leaves space for a toolbar that this page does not have.
_STYLE = "<style>.stMainBlockContainer {padding-top: 2rem}</style>"


def main() -> None:
    st.set_page_config(page_title="Closecast", layout="wide")
    st.html(_STYLE)
    st.title("Closecast", anchor=False)
    visit = sign_in.visitor(_instance())
    if visit is None:
        return
    api, person = visit
    _who(api, person)
    model = _model(api)
    if model is None:
        return
    st.caption("  \n".join(filter(None, (texts.model_line(model), texts.evidence_line(model)))))
    if model.is_baseline:
        st.info(texts.BASELINE_NOTE)
    names = ["Rank the pipeline", "Score one deal", "Check an export", "Past answers", "Still right?", "Alerts"]
    is_admin = person.role == "admin"
    rank, score, check, past, still, wrong, *more = st.tabs([*names, "People", "Keys and audit"] if is_admin else names)
    with rank:
        pipeline = ranking.show(api, model)
    with score:
        scoring.show(api, model, pipeline)
    with check:
        checking.show(api)
    with past:
        history.show(api)
    with still:
        watch.show(api)
    with wrong:
        alerts.show(api)
    if more:
        who, what = more
        with who:
            people.show(api, person)
        with what:
            keys.show(api)


def _who(api: Client, person: Person) -> None:
    """Who has signed in, that person's password, and the way out."""
    said, password, out = st.columns([4, 1, 1], vertical_alignment="center")
    said.caption(f"Signed in as {texts.plain(person.name)} ({person.role})")
    with password.popover("Password", width="stretch"):
        people.change_password(api)
    if out.button("Sign out", width="stretch"):
        sign_in.sign_out(api)


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
