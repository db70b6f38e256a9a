"""The page's requests to the API, cached for a few seconds; errors are not cached."""

from datetime import date, timedelta

import streamlit as st

from closecast.deals.horizon import Horizon
from closecast.platform.request_limits import MOST_DEALS
from services.ui.client import Client
from services.ui.credential import Credential
from services.ui.responses.models import ModelFacts
from services.ui.responses.monitoring import OpenAlert, Said
from services.ui.responses.pipeline import Pipeline

# Long enough to save a request per click, short enough to show a new model at once.
_KEPT = timedelta(seconds=5)
_SELDOM = timedelta(minutes=1)  # of what changes once a day, and is asked for on each click


def _identity(client: Client) -> str:
    return client.address


def _shown(credential: Credential) -> tuple[str, str | None]:
    return str(credential.token_file), credential.key


@st.cache_resource(show_spinner=False, hash_funcs={Credential: _shown})
def client(address: str, credential: Credential) -> Client:
    """One client, and so one connection pool, for all visitors."""
    return Client(address, credential)


@st.cache_data(ttl=_KEPT, show_spinner=False, hash_funcs={Client: _identity})
def model(api: Client) -> ModelFacts:
    """The served model. Raises as Client.model."""
    return api.model()


@st.cache_data(ttl=_KEPT, max_entries=16, show_spinner="Ranking the open deals", hash_funcs={Client: _identity})
def pipeline(api: Client, as_of: date, horizon: Horizon) -> Pipeline:
    """The open deals, as many as the API returns at once. Raises as Client.pipeline."""
    return api.pipeline(as_of, horizon, limit=MOST_DEALS)


@st.cache_data(ttl=_SELDOM, max_entries=16, show_spinner=False, hash_funcs={Client: _identity})
def verdicts(api: Client) -> list[Said]:
    """What monitoring said lately. Raises as Client.verdicts."""
    return api.verdicts()


@st.cache_data(ttl=_KEPT, show_spinner=False, hash_funcs={Client: _identity})
def alerts(api: Client) -> tuple[OpenAlert, ...]:
    """The open alerts. Raises as Client.alerts."""
    return api.alerts()
