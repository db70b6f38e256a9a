"""Secrets get new values while a caller of the gateway asks for predictions all the time."""

import ssl
import subprocess
import sys
from contextlib import suppress

import httpx
import psycopg
import pytest
import redis

from ops.nomad import jobs
from ops.setup.credentials import Credentials
from tests.e2e.conftest import PROJECT, Platform
from tests.load import DEAL, Load

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def _load(platform: Platform) -> Load:
    trusted = ssl.create_default_context(cafile=str(jobs.root_certificate()))
    return Load(platform.address("gateway"), platform.session.credentials.api_key, trusted, period=0.05)


def _opens_database(platform: Platform, password: str) -> bool:
    where = platform.address("postgres").removeprefix("postgresql://")
    with suppress(psycopg.OperationalError):
        psycopg.connect(f"postgresql://closecast:{password}@{where}/closecast").close()
        return True
    return False


def _opens_cache(platform: Platform, password: str) -> bool:
    host, _, port = platform.address("cache").removeprefix("redis://").rpartition(":")
    with suppress(redis.AuthenticationError):
        return bool(redis.Redis(host=host, port=int(port), password=password).ping())
    return False


def test_passwords_of_database_and_cache_change_and_nobody_is_refused(platform: Platform) -> None:
    # given
    old = platform.session.credentials
    with _load(platform) as load:
        # when
        platform.just("rotate", "database-closecast")
        platform.just("rotate", "cache")
    # then
    new = Credentials.load()
    assert load.answered > 100
    assert not load.refused, load.refused
    assert (_opens_database(platform, old.closecast_database_password), _opens_cache(platform, old.cache_password)) == (
        False,
        False,
    )
    assert _opens_database(platform, new.closecast_database_password)
    assert _opens_cache(platform, new.cache_password)

    # then both start with the new ones too
    platform.just("restart", "postgres")
    platform.just("restart", "cache")
    platform.wait_until_healthy(*jobs.runnable())
    assert _opens_database(platform, new.closecast_database_password)
    assert _opens_cache(platform, new.cache_password)


def test_the_secret_of_webhooks_changes_and_champions_are_still_told(platform: Platform) -> None:
    with _load(platform) as load:
        platform.just("rotate", "webhook")
    assert not load.refused, load.refused
    platform.wait_until_healthy("api", "mlflow")


def test_the_operators_key_changes_and_both_are_taken_meanwhile(platform: Platform) -> None:
    # given a caller that takes the new key as soon as it is there
    old = platform.session.credentials.api_key
    with _load(platform) as load:
        command = subprocess.Popen(
            [sys.executable, str(PROJECT / "just"), "rotate", "api-key", "--grace", "20s"], cwd=PROJECT
        )
        # when
        platform.eventually(lambda: Credentials.load().api_key != old, "the new key", seconds=120)
        new = Credentials.load().api_key
        assert _status(platform, old) == 200
        load.key = new
        assert command.wait(120) == 0
    # then
    assert not load.refused, load.refused
    assert (_status(platform, old), _status(platform, new)) == (401, 200)


def _status(platform: Platform, key: str) -> int:
    headers = {"X-API-Key": key}
    return httpx.post(f"{platform.address('api')}/v1/predictions", json=DEAL, headers=headers, timeout=20).status_code
