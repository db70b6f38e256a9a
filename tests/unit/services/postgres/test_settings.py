"""What the PostgreSQL process reads from its environment."""

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from closecast.platform.settings import SettingsError
from services.postgres.settings import Settings, unprivileged_account

_ENVIRONMENT = {
    "CLOSECAST_HOST": "127.0.0.1",
    "CLOSECAST_PORT": "5432",
    "CLOSECAST_POSTGRES_FOLDER": "/state/postgres",
    "POSTGRES_SUPERUSER_PASSWORD": "root-secret",
}


def test_every_password_variable_but_the_superusers_names_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    environment = {
        **_ENVIRONMENT,
        "POSTGRES_MLFLOW_PASSWORD": "m",
        "POSTGRES_OPTUNA_PASSWORD": "o",
        "CACHE_PASSWORD": "of another service",
    }
    # when
    settings = Settings.from_environment(environment)
    # then
    assert settings == Settings(
        host="127.0.0.1",
        port=5432,
        folder=Path("/state/postgres"),
        superuser_password="root-secret",
        role_passwords={"mlflow": "m", "optuna": "o"},
        account=None,
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


def test_a_port_that_is_no_number_is_named_with_its_value() -> None:
    with pytest.raises(SettingsError, match="CLOSECAST_PORT is 'http', expected a port number"):
        Settings.from_environment({**_ENVIRONMENT, "CLOSECAST_PORT": "http"})


@pytest.mark.parametrize(
    ("accounts", "chosen"),
    [(["root", "nobody", "postgres"], "postgres"), (["root", "nobody"], "nobody")],
)
def test_root_hands_over_to_the_systems_own_account(
    accounts: list[str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(pwd, "getpwall", lambda: [SimpleNamespace(pw_name=name) for name in accounts])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    # when
    settings = Settings.from_environment(_ENVIRONMENT)
    # then
    assert settings.account == chosen


def test_root_without_any_such_account_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(pwd, "getpwall", lambda: [SimpleNamespace(pw_name="root")])
    # when / then
    with pytest.raises(SettingsError, match="neither the account postgres nor nobody exists"):
        unprivileged_account()
