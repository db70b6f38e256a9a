"""What the journal reads from its environment, what it refuses to start with, and what it never prints."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from closecast.platform.settings import SettingsError
from services.journal.settings import Settings
from services.journal.status import JournalStatus
from tests.conftest import Logged

ENVIRONMENT = {
    "CLOSECAST_CACHE_URL": "redis://:cache-secret@127.0.0.1:6379/0",
    "CLOSECAST_DATABASE_URL": "postgresql://closecast:db-secret@127.0.0.1:5432/closecast",
    "CLOSECAST_CONSUMER": "journal-0",
    "CLOSECAST_HOST": "127.0.0.1",
    "CLOSECAST_PORT": "8080",
    "CLOSECAST_LAKE_BUCKET": "lake",
    "AWS_REGION": "us-east-1",
}


def test_settings_are_read_and_show_no_password() -> None:
    settings = Settings.from_environment({**ENVIRONMENT, "CLOSECAST_ARCHIVE_SECONDS": "60"})
    assert (settings.port, settings.archive_rows, settings.archive_age, settings.kept) == (
        8080,
        50_000,
        timedelta(minutes=1),
        timedelta(days=400),
    )
    assert settings.cache.url == ENVIRONMENT["CLOSECAST_CACHE_URL"]
    shown = repr(settings)
    assert "secret" not in shown
    assert "127.0.0.1:5432/closecast" in shown


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({**ENVIRONMENT, name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLOSECAST_CACHE_URL", "http://:secret@127.0.0.1:6379"),
        ("CLOSECAST_CACHE_URL", "redis://:secret@127.0.0.1:port/0"),
        ("CLOSECAST_DATABASE_URL", "postgresql://closecast:secret@/closecast"),
        ("CLOSECAST_DATABASE_URL", "redis://:secret@127.0.0.1:6379/0"),
        ("CLOSECAST_PORT", "http"),
        ("CLOSECAST_ARCHIVE_ROWS", "-1"),
    ],
)
def test_an_unusable_value_is_named_without_its_password(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        Settings.from_environment({**ENVIRONMENT, name: value})
    assert "secret" not in str(caught.value)


def test_the_process_ends_with_the_reason() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CLOSECAST_CACHE_URL": ""}
    command = [sys.executable, "-m", "services.journal"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "journal: the environment variable CLOSECAST_CACHE_URL is not set\n"


def test_the_condition_is_well_only_when_every_part_can_be_used(logged: Logged) -> None:
    # given
    condition = JournalStatus()
    assert not condition.is_well()
    # when
    condition.set("cache", None)
    condition.set("database", None)
    condition.stored.inc(3)
    # then
    assert condition.is_well()
    assert condition.as_dict()["stored_total"] == 3
    condition.set("lake", "away")
    condition.set("lake", "still away")
    assert condition.as_dict()["problems"] == {"lake": "still away"}
    assert condition.as_dict()["status"] == "failing"
    assert [(line["level"], line["event"]) for line in logged()] == [
        ("info", "cache: in use"),
        ("info", "database: in use"),
        ("warning", "lake: away"),
    ]
