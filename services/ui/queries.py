"""The page's requests to the API, cached for a few seconds; errors are not cached."""

from datetime import date, timedelta

import streamlit as st

from closecast.deals.horizon import Horizon
from closecast.platform.request_limits import MOST_DEALS
from services.ui.client import Client
from services.ui.responses.champions import Champion
from services.ui.responses.deals import Deal, Opinion
from services.ui.responses.evaluations import Evaluation, Registered
from services.ui.responses.forecast import Forecast
from services.ui.responses.keys import Act, Key
from services.ui.responses.models import ModelFacts
from services.ui.responses.monitoring import OpenAlert, Said, Silence
from services.ui.responses.operations import Operations
from services.ui.responses.people import Person, User
from services.ui.responses.pipeline import EVERY_DEAL, Filters, Pipeline
from services.ui.responses.predictions import Prediction

# Long enough to save a request per click, short enough to show a new model at once.
_KEPT = timedelta(seconds=5)
_SELDOM = timedelta(minutes=1)  # of what changes once a day, and is asked for on each click


def _identity(client: Client) -> tuple[str, str | None]:
    """What is cached is of one session: what another may see is asked for anew."""
    return client.address, client.token


@st.cache_resource(show_spinner=False, max_entries=200, ttl=timedelta(hours=12))
def client(address: str, token: str) -> Client:
    """One client, and so one connection pool, for all pages of a session."""
    return Client(address, token)


@st.cache_data(ttl=_KEPT, max_entries=200, show_spinner=False, hash_funcs={Client: _identity})
def me(api: Client) -> Person:
    """Who has signed in. Raises as Client.me."""
    return api.me()


def forget(api: Client) -> None:
    """Ask anew who that is."""
    me.clear(api)


@st.cache_data(ttl=_KEPT, max_entries=200, show_spinner=False, hash_funcs={Client: _identity})
def model(api: Client) -> ModelFacts:
    """The served model. Raises as Client.model."""
    return api.model()


@st.cache_data(ttl=_KEPT, max_entries=16, show_spinner="Ranking the open deals", hash_funcs={Client: _identity})
def pipeline(
    api: Client,
    as_of: date,
    horizon: Horizon,
    order: str = "probability",
    limit: int = MOST_DEALS,
    filters: Filters = EVERY_DEAL,
) -> Pipeline:
    """The first of the open deals that are asked for. Raises as Client.pipeline."""
    return api.pipeline(as_of, horizon, order, limit, filters)


@st.cache_data(ttl=_KEPT, max_entries=16, show_spinner="Forecasting the quarter", hash_funcs={Client: _identity})
def forecast(api: Client, as_of: date, group_by: str) -> Forecast:
    """The forecast of the quarter. Raises as Client.forecast."""
    return api.forecast(as_of, group_by)


@st.cache_data(ttl=_KEPT, max_entries=100, show_spinner=False, hash_funcs={Client: _identity})
def deal(api: Client, identifier: str, as_of: date, horizon: Horizon) -> Deal:
    """One deal. Raises as Client.deal."""
    return api.deal(identifier, as_of, horizon)


@st.cache_data(ttl=_KEPT, max_entries=100, show_spinner=False, hash_funcs={Client: _identity})
def opinions(api: Client, identifier: str) -> list[Opinion]:
    """What people expect of a deal. Raises as Client.opinions."""
    return api.opinions(identifier)


@st.cache_data(ttl=_SELDOM, max_entries=100, show_spinner=False, hash_funcs={Client: _identity})
def what_if(api: Client, deal: tuple[tuple[str, str], ...], as_of: date, horizon: Horizon) -> Prediction:
    """The chance of a deal that is thought of, its columns as pairs. Raises as Client.predict.

    Kept, because each answer is recorded, and the page asks at every click.
    """
    return api.predict(dict(deal), as_of, horizon)


@st.cache_data(ttl=_SELDOM, max_entries=16, show_spinner=False, hash_funcs={Client: _identity})
def verdicts(api: Client) -> list[Said]:
    """What monitoring said lately. Raises as Client.verdicts."""
    return api.verdicts()


@st.cache_data(ttl=_KEPT, max_entries=20, show_spinner=False, hash_funcs={Client: _identity})
def versions(api: Client) -> list[Registered]:
    """The registered versions. Raises as Client.versions."""
    return api.versions()


@st.cache_data(ttl=_SELDOM, max_entries=50, show_spinner="Reading the report", hash_funcs={Client: _identity})
def evaluation(api: Client, version: str) -> Evaluation:
    """How good a version was. Raises as Client.evaluation."""
    return api.evaluation(version)


@st.cache_data(ttl=_KEPT, max_entries=20, show_spinner=False, hash_funcs={Client: _identity})
def champions(api: Client) -> list[Champion]:
    """The models that were champion. Raises as Client.champions."""
    return api.champions()


@st.cache_data(ttl=_KEPT, max_entries=200, show_spinner=False, hash_funcs={Client: _identity})
def alerts(api: Client) -> tuple[OpenAlert, ...]:
    """The open alerts. Raises as Client.alerts."""
    return api.alerts()


@st.cache_data(ttl=_KEPT, max_entries=200, show_spinner=False, hash_funcs={Client: _identity})
def silences(api: Client) -> list[Silence]:
    """The silences in force. Raises as Client.silences."""
    return api.silences()


@st.cache_data(ttl=_KEPT, max_entries=20, show_spinner=False, hash_funcs={Client: _identity})
def users(api: Client) -> list[User]:
    """All users. Raises as Client.users."""
    return api.users()


@st.cache_data(ttl=_KEPT, max_entries=20, show_spinner=False, hash_funcs={Client: _identity})
def keys(api: Client) -> list[Key]:
    """All API keys. Raises as Client.keys."""
    return api.keys()


@st.cache_data(ttl=_KEPT, max_entries=20, show_spinner=False, hash_funcs={Client: _identity})
def acts(api: Client) -> list[Act]:
    """The newest entries of the audit log. Raises as Client.audit."""
    return api.audit()


@st.cache_data(ttl=_KEPT, max_entries=20, show_spinner=False, hash_funcs={Client: _identity})
def operations(api: Client) -> Operations:
    """How the API and what it needs are doing. Raises as Client.operations."""
    return api.operations()


def changed(api: Client) -> None:
    """Ask anew for users, keys and acts: one of them was changed here."""
    for one in (users, keys, acts):
        one.clear(api)
