"""What the companion reads from its environment."""

from pathlib import Path

import pytest

from services.bucket_mirror.settings import Settings, SettingsError

_ENVIRONMENT = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
    "CLOSECAST_MIRROR": "/state/mirror",
    "CLOSECAST_TERRAFORM_STATE": "/state/terraform",
    "CLOSECAST_HOST": "127.0.0.1",
    "CLOSECAST_PORT": "4570",
}


def test_a_complete_environment_is_read() -> None:
    assert Settings.from_environment(_ENVIRONMENT) == Settings(
        endpoint="http://127.0.0.1:4566",
        access_key="key",
        secret_key="secret",
        region="us-east-1",
        mirror=Path("/state/mirror"),
        terraform_state=Path("/state/terraform"),
        host="127.0.0.1",
        port=4570,
    )


@pytest.mark.parametrize("name", sorted(_ENVIRONMENT))
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_or_empty_variable_is_named(name: str, value: str | None) -> None:
    # given
    environment = {key: kept for key, kept in _ENVIRONMENT.items() if key != name}
    if value is not None:
        environment[name] = value
    # when / then
    with pytest.raises(SettingsError, match=f"the environment variable {name} is not set"):
        Settings.from_environment(environment)


@pytest.mark.parametrize("port", ["http", "-1", "45.7"])
def test_a_port_that_is_no_number_is_named_with_its_value(port: str) -> None:
    with pytest.raises(SettingsError, match=f"CLOSECAST_PORT is '{port}', expected a port number"):
        Settings.from_environment({**_ENVIRONMENT, "CLOSECAST_PORT": port})
