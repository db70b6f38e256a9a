"""Settings and status of shadow scoring."""

import pytest

from closecast.platform.mlflow.registry import Identity
from closecast.platform.settings import SettingsError
from services.shadow.settings import Settings
from services.shadow.status import ShadowStatus

KNOWN = {
    "CLOSECAST_DATABASE_URL": "postgresql://shadow:secret@127.0.0.1:5432/closecast",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:5000",
    "CLOSECAST_MODEL_CACHE": "/models",
    "CLOSECAST_HOST": "127.0.0.1",
    "CLOSECAST_PORT": "8123",
}


def test_all_deals_are_scored_unless_a_share_is_given() -> None:
    assert Settings.from_environment(KNOWN).rate == 1.0
    assert Settings.from_environment({**KNOWN, "CLOSECAST_SHADOW_RATE": "0.25"}).rate == 0.25


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLOSECAST_SHADOW_RATE", "1.5"),
        ("CLOSECAST_SHADOW_RATE", "nan"),
        ("CLOSECAST_SHADOW_RATE", "all"),
        ("CLOSECAST_PORT", "http"),
        ("CLOSECAST_DATABASE_URL", "sqlite:///secret"),
    ],
)
def test_an_unusable_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({**KNOWN, name: value})


def test_a_model_without_results_leaves_the_service_well_and_is_told() -> None:
    # given
    status = ShadowStatus()
    assert not status.is_well()
    status.set("database", None)
    status.set("registry", None)
    # when
    status.follow(Identity("8", "run-8"))
    status.set("model", "version 8 gives no results")
    # then
    assert status.is_well()
    said = status.as_dict()
    assert said["problems"] == {"model": "version 8 gives no results"}
    assert said["model"] == {"version": "8", "run_id": "run-8"}
    assert said["model_present"] == 1
    # and a server that is away does not
    status.set("registry", "away")
    assert not status.is_well()
