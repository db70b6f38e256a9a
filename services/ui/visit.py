"""Who visits, and with what: found out once per run, above the page that is shown."""

from dataclasses import dataclass

import streamlit as st

from services.ui.client import Client
from services.ui.responses.models import ModelFacts
from services.ui.responses.people import Person

_KEY = "visit"


@dataclass(frozen=True)
class Visit:
    """The API for the person of this visit, who that is, and the served model."""

    api: Client
    person: Person
    model: ModelFacts

    @property
    def may_score(self) -> bool:
        """Whether this person may do more than read."""
        return self.person.role != "viewer"


def begin(visit: Visit) -> None:
    """Keep the visit for the page that is shown."""
    st.session_state[_KEY] = visit


def currency() -> str | None:
    """The code of the currency of the data's amounts; None where they do not name one, and before there is a model."""
    kept: Visit | None = st.session_state.get(_KEY)
    return None if kept is None else kept.model.currency


def now() -> Visit:
    """The visit of this run."""
    visit: Visit = st.session_state[_KEY]
    return visit
