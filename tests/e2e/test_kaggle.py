"""Kaggle's credentials reach a flow on the worker, shown with a double of Kaggle, which tests cannot reach."""

import pytest

from ops.prefect import kaggle as variables
from tests.e2e.conftest import Platform
from tests.kaggle_double import running_double

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_a_flow_on_the_worker_asks_with_the_operators_token(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_double() as kaggle:
        # given
        kaggle.authorization = "Bearer of-an-operator"
        monkeypatch.setenv("KAGGLE_API_TOKEN", "of-an-operator")
        monkeypatch.setenv("CLOSECAST_KAGGLE_ENDPOINT", kaggle.url)
        platform.just("up")
        try:
            # when
            printed = platform.just("prefect-run", "ingest/closecast", "source=kaggle")
        finally:
            for name in variables.VARIABLES:
                monkeypatch.setenv(name, "")
            platform.just("up")
        # then
        assert "completed" in printed
        assert set(kaggle.seen) == {"Bearer of-an-operator"}
