"""The page's questions to the API, whose answers are kept for a few seconds; an error is never kept."""

from datetime import date, timedelta

import streamlit as st

from closecast.deals.horizon import Horizon
from closecast.platform.request_limits import MOST_DEALS
from services.ui.answers import ModelFacts, Pipeline
from services.ui.client import Client
from services.ui.credential import Credential

# Long enough to spare the API a question per click, short enough that a new model shows at once.
_KEPT = timedelta(seconds=5)


def _identity(client: Client) -> str:
    return client.address


def _shown(credential: Credential) -> tuple[str, str | None]:
    return str(credential.token_file), credential.key


@st.cache_resource(show_spinner=False, hash_funcs={Credential: _shown})
def client(address: str, credential: Credential) -> Client:
    """One client, and so one connection pool, for every visitor."""
    return Client(address, credential)


@st.cache_data(ttl=_KEPT, show_spinner=False, hash_funcs={Client: _identity})
def model(api: Client) -> ModelFacts:
    """Raises what Client.model raises."""
    return api.model()


@st.cache_data(ttl=_KEPT, max_entries=16, show_spinner="Ranking the open deals", hash_funcs={Client: _identity})
def pipeline(api: Client, as_of: date, horizon: Horizon) -> Pipeline:
    """Every open deal that the API gives at once. Raises what Client.pipeline raises."""
    return api.pipeline(as_of, horizon, limit=MOST_DEALS)
