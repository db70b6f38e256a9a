"""What `just shadow` says of the version in shadow, from a real registry."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from closecast.models.deal_model import DealModel
from closecast.platform.mlflow.registry import CHALLENGER_ROLE, SAID_TAG, ModelRegistry
from ops.errors import OperatorError
from ops.model.shadow import state
from tests.servers.processes import free_port
from tests.shadows import registered

pytestmark = pytest.mark.integration
CREDENTIALS: Any = SimpleNamespace(mlflow_login=None)


def test_the_version_its_role_and_what_outcomes_say_are_told(
    served_model: DealModel, empty_registry: ModelRegistry, mlflow_uri: str, tmp_path: Path
) -> None:
    # given
    assert state(mlflow_uri, CREDENTIALS) == ["in shadow     no version"]
    found = registered(served_model, empty_registry, mlflow_uri, tmp_path / "model")
    # when
    empty_registry.put_in_shadow(found.version, CHALLENGER_ROLE, datetime(2018, 3, 1, tzinfo=UTC))
    # then
    assert state(mlflow_uri, CREDENTIALS) == [
        f"in shadow     {found}, challenger, since 2018-03-01T00:00:00+00:00",
        "outcomes      not compared yet: the flow monitor does it once a day",
    ]
    empty_registry.tag(found.version, {SAID_TAG: "beside version 7: inconclusive"})
    assert state(mlflow_uri, CREDENTIALS)[1] == "outcomes      beside version 7: inconclusive"


def test_a_registry_that_is_away_is_told_with_a_remedy() -> None:
    with pytest.raises(OperatorError, match="does not answer"):
        state(f"http://127.0.0.1:{free_port()}", CREDENTIALS)
