"""Sign-in on the running platform, from an ordinary account of the machine: guessing, hostile bodies, and what is kept."""

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ops import paths
from tests.e2e.conftest import Platform
from tests.security.ordinary import asked, ordinary

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
GUESS = "a guess of somebody"
JSON = ("--header", "Content-Type: application/json")


@pytest.fixture
def name(platform: Platform) -> Iterator[str]:
    """A name that nobody has yet; its user is disabled afterwards."""
    made = f"e2e-{secrets.token_hex(4)}"
    yield made
    if f'"{made}"' in platform.api("GET", "/v1/users").text:
        platform.just("user-change", made, "--disable")


def password_in(printed: str) -> str:
    return printed.strip().splitlines()[-1]


def curl(platform: Platform, path: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Status and content of an answer through the gateway, whose certificate a stranger does not know."""
    status, answer = asked("--insecure", *arguments, f"{platform.address('gateway')}{path}")
    return status, json.loads(answer)


def sign_in(platform: Platform, name: str, password: str) -> tuple[int, dict[str, Any]]:
    return curl(platform, "/v1/sign-in", *JSON, "--data", json.dumps({"name": name, "password": password}))


def me(platform: Platform, token: str) -> tuple[int, dict[str, Any]]:
    return curl(platform, "/v1/me", "--header", f"Authorization: Bearer {token}")


def test_somebody_is_let_in_by_just_and_out_within_seconds(platform: Platform, name: str) -> None:
    # given
    printed = platform.just("user-create", name, "--role", "viewer")
    password = password_in(printed)
    assert f"user {name}, role viewer, active" in printed
    assert name in platform.just("users")
    # when
    status, session = sign_in(platform, name, password)
    # then
    assert (status, session["caller"]["name"]) == (201, name)
    token = session["token"]
    assert me(platform, token)[1]["role"] == "viewer"
    # when the role is changed with the session open
    platform.just("user-change", name, "--role", "scorer")
    platform.eventually(lambda: me(platform, token)[1].get("role") == "scorer", "the new role", seconds=5)
    # and then taken away
    platform.just("user-change", name, "--disable")
    begun = time.monotonic()
    platform.eventually(lambda: me(platform, token)[0] == 401, "the end of the session", seconds=5)
    assert time.monotonic() - begun < 5
    # and each act names who did it
    acts = platform.just("audit", "--limit", "20")
    assert f"user:{name}" in acts
    assert "user changed" in acts


def test_guessing_from_any_account_ends_and_costs_nobody_else(platform: Platform, name: str) -> None:
    # when
    answers = [sign_in(platform, name, GUESS) for _ in range(6)]
    # then, for a name that nobody has
    assert [status for status, _ in answers] == [401] * 5 + [429]
    assert "too many wrong passwords" in answers[-1][1]["detail"]
    assert platform.api("GET", "/v1/model").status_code == 200
    # and the name is locked for its user as well, until an admin helps
    password = password_in(platform.just("user-create", name))
    assert sign_in(platform, name, password)[0] == 429
    helped = password_in(platform.just("user-change", name, "--new-password"))
    assert sign_in(platform, name, helped)[0] == 201


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([*JSON, "--data", "{}"], 400),
        ([*JSON, "--data", '{"name": "a", "password": 1}'], 400),
        ([*JSON, "--data", '{"name": "a", "name": "b", "password": "x"}'], 400),
        ([*JSON, "--data", '{"name": "a", "password": "x", "role": "admin"}'], 400),
        ([*JSON, "--data", '{"name": "a\\u0000", "password": "x"}'], 401),
        ([*JSON, "--data", '{"name": "a\' OR 1=1 --", "password": "x"}'], 401),
        ([*JSON, "--data", '{"name": "\\ud800", "password": "x"}'], 400),
        ([*JSON, "--data", "[" * 5_000], 400),
        ([*JSON, "--data-binary", "\x01\x02"], 400),
        (["--header", "Content-Type: text/plain", "--data", "{}"], 415),
        (["--request", "GET"], 405),
        (["--request", "DELETE"], 405),
    ],
)
def test_a_hostile_body_gets_its_answer(platform: Platform, arguments: list[str], expected: int) -> None:
    status, problem = curl(platform, "/v1/sign-in", *arguments)
    assert (status, problem["status"]) == (expected, expected)


def test_nothing_secret_is_kept_where_an_account_can_read(platform: Platform, name: str) -> None:
    # given
    password = password_in(platform.just("user-create", name))
    token = sign_in(platform, name, password)[1]["token"]
    sign_in(platform, name, GUESS)
    # then
    assert ordinary("cat", str(paths.state() / "models" / "keyring.json")).returncode != 0
    for job in ("api", "gateway", "postgres"):
        for stream in ("-stdout", "-stderr"):
            allocation = platform.session.cluster.allocation(job)
            assert allocation is not None
            for task in allocation.tasks:
                logs = platform.session.cli.run("alloc", "logs", stream, allocation.id, task.name).stdout
                assert not any(one in logs for one in (password, token, GUESS)), (job, task.name)
