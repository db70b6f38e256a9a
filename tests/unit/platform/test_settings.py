"""Settings: read from the environment, naming what is missing, never showing a key."""

import pytest

from closecast.platform.settings import LakeSettings, Login, PrefectSettings, RegistrySettings, SettingsError

LOCAL = {
    "CLOSECAST_LAKE_BUCKET": "lake",
    "AWS_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:4566",
    "AWS_ACCESS_KEY_ID": "who",
    "AWS_SECRET_ACCESS_KEY": "hush",
}


def test_a_local_lake_has_an_endpoint_and_keys_and_keeps_the_secret_to_itself() -> None:
    # when
    settings = LakeSettings.from_environment(LOCAL)
    # then
    assert settings == LakeSettings("lake", "eu-central-1", "http://127.0.0.1:4566", "who", "hush")
    assert "hush" not in repr(settings)


def test_on_aws_neither_endpoint_nor_keys_are_needed() -> None:
    # given
    environment = {"CLOSECAST_LAKE_BUCKET": "lake", "AWS_REGION": "eu-central-1"}
    # when / then
    assert LakeSettings.from_environment(environment) == LakeSettings("lake", "eu-central-1")


@pytest.mark.parametrize("name", ["CLOSECAST_LAKE_BUCKET", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_a_missing_variable_of_the_lake_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"the environment variable {name} is not set"):
        LakeSettings.from_environment({key: value for key, value in LOCAL.items() if key != name})


def test_the_registry_needs_an_http_address() -> None:
    assert RegistrySettings.from_environment({"MLFLOW_TRACKING_URI": "http://a:1/"}).tracking_uri == "http://a:1"
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_URI is not set"):
        RegistrySettings.from_environment({})
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_URI is 'mlruns'; expected the http"):
        RegistrySettings.from_environment({"MLFLOW_TRACKING_URI": "mlruns"})


def test_the_registry_has_a_user_with_a_password_or_none() -> None:
    here = {"MLFLOW_TRACKING_URI": "http://a:1"}
    assert RegistrySettings.from_environment(here).login is None
    both = {**here, "MLFLOW_TRACKING_USERNAME": "reader", "MLFLOW_TRACKING_PASSWORD": "kept secret"}
    found = RegistrySettings.from_environment(both)
    assert found.login == Login("reader", "kept secret")
    assert "kept secret" not in repr(found)
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        for half in ({**both, name: ""}, {key: value for key, value in both.items() if key != name}):
            with pytest.raises(SettingsError, match=f"{name} is not set"):
                RegistrySettings.from_environment(half)


def test_prefect_needs_its_address() -> None:
    assert PrefectSettings.from_environment({"PREFECT_API_URL": "http://a/api"}).api_url == "http://a/api"
    with pytest.raises(SettingsError, match="PREFECT_API_URL is not set"):
        PrefectSettings.from_environment({})
