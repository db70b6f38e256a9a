"""Flows in this process, on real servers."""

import os
import secrets
from collections.abc import Iterator

import pytest

from closecast.platform.settings import DatabaseSettings
from tests.servers.localstack import S3
from tests.servers.processes import PROJECT


@pytest.fixture(scope="module")
def environment(
    s3: S3,
    mlflow_uri: str,
    prefect_api: str,
    promotion_lock: DatabaseSettings,
    monitoring_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
    return {
        **kept,
        **s3.environment,
        "MLFLOW_TRACKING_URI": mlflow_uri,
        "CLOSECAST_PROMOTION_LOCK_URL": promotion_lock.url,
        "CLOSECAST_MONITORING_URL": monitoring_url,
        "CLOSECAST_MODEL_SIGNING_KEY": secrets.token_urlsafe(32),
        "PREFECT_API_URL": prefect_api,
        "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")),
        "PYTHONPATH": str(PROJECT),
        "NO_PROXY": "127.0.0.1,localhost",
    }


@pytest.fixture(scope="module")
def here(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """This process sees the servers, and runs flows against the Prefect server."""
    from prefect.events.worker import EventsWorker
    from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

    settings = {PREFECT_API_URL: environment["PREFECT_API_URL"], PREFECT_LOGGING_TO_API_ENABLED: False}
    with pytest.MonkeyPatch.context() as patched, temporary_settings(settings):
        for name, value in environment.items():
            patched.setenv(name, value)
        yield environment
        # Left to the end of the process, it would wait for a server that is gone by then.
        EventsWorker.drain_all(timeout=5)
