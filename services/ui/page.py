"""The page that Streamlit runs for every visit and every click: header, two tabs, or why there are none."""

import os

import streamlit as st

from closecast.platform.nomad.addresses import address
from services.ui import asking, outage, ranking, scoring, sign_in, words
from services.ui.answers import ModelFacts
from services.ui.client import ApiProblemError, ApiUnavailableError, Client
from services.ui.credential import Credential

# Streamlit leaves room above for a toolbar that this page does not have.
_STYLE = "<style>.stMainBlockContainer {padding-top: 2rem}</style>"


def main() -> None:
    st.set_page_config(page_title="Closecast", layout="wide")
    st.html(_STYLE)
    st.title("Closecast")
    if not sign_in.is_signed_in(os.environ):
        return
    api = asking.client(_instance(), Credential.from_environment(os.environ))
    model = _model(api)
    if model is None:
        return
    st.caption("  \n".join(filter(None, (words.model_line(model), words.evidence_line(model)))))
    rank, score = st.tabs(["Rank the pipeline", "Score one deal"])
    with rank:
        pipeline = ranking.show(api, model)
    with score:
        scoring.show(api, model, pipeline)


def _instance() -> str:
    """URL of an instance of the API that is there now."""
    found = address(os.environ, "CLOSECAST_API_URL")
    return (found() if found else None) or os.environ["CLOSECAST_API_URL"]


def _model(api: Client) -> ModelFacts | None:
    """What serves; None once the page has said why nothing does."""
    try:
        return asking.model(api)
    except ApiUnavailableError as error:
        # This question fails in words for one reason only: the service runs, and has no model.
        outage.show(words.unavailable(error) if error.detail is None else words.no_model(error))
    except ApiProblemError as error:
        st.error(words.problem(error))
        st.button("Try again")
    return None


if __name__ == "__main__":
    main()
