"""The pages before a double for the API."""

import threading
from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from services.ui import page
from tests.integration.services.ui.api_double import ApiDouble
from tests.integration.services.ui.driving import come_with


@pytest.fixture
def api() -> Iterator[ApiDouble]:
    double = ApiDouble()
    thread = threading.Thread(target=double.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield double
    double.shutdown()
    thread.join()
    double.server_close()


@pytest.fixture
def no_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each run Streamlit would look through all that is installed for components, of which the pages have none."""
    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", lambda *_, **__: [])


@pytest.fixture
def app(api: ApiDouble, no_components: None, monkeypatch: pytest.MonkeyPatch) -> AppTest:  # noqa: ARG001 - to be quick
    monkeypatch.setenv("CLOSECAST_API_URL", api.url)
    st.cache_data.clear()
    st.cache_resource.clear()
    # AppTest has no browser, and so no cookies: it stands for a visit of somebody who has signed in.
    come_with("the-token", monkeypatch)
    return AppTest.from_file(page.__file__, default_timeout=60)


@pytest.fixture
def admins(app: AppTest, api: ApiDouble) -> AppTest:
    """The pages of an admin."""
    api.override["/v1/me"] = (
        200,
        {"id": "user:1", "name": "ada", "kind": "user", "role": "admin", "has_password": True},
    )
    return app
