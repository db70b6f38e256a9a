"""Limits shared by two instances through a real Valkey, and kept by each alone while it is dead."""

import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from closecast.platform.callers.caller import Caller, Role
from closecast.platform.callers.limits import Limits
from closecast.platform.callers.quota import DEFAULTS, Limit
from tests.servers.processes import free_port, running
from tests.waiting import until

pytestmark = pytest.mark.integration
QUOTA, WINDOW = 2_000, 2.0
LIMITS: dict[Role, Limit] = {**DEFAULTS, "scorer": Limit(QUOTA, WINDOW)}


def caller() -> Caller:
    """Somebody whom no other test has seen."""
    return Caller(f"key:{secrets.token_hex(6)}", "dashboard", "key", "scorer")


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside busy neighbours an answer may take longer than a service waits for it: that is no outage here."""
    monkeypatch.setattr("closecast.platform.callers.limits.TIMEOUT_SECONDS", 20.0)


@contextmanager
def instances(url: str, number: int) -> Iterator[list[Limits]]:
    made = [Limits(LIMITS, lambda: url) for _ in range(number)]
    for one in made:
        one.start()
    until(lambda: all(one.state().shared for one in made))
    try:
        yield made
    finally:
        for one in made:
            one.stop()


def hammer(made: list[Limits], who: Caller, seconds: float, cost: int = 1) -> tuple[int, float]:
    """Tokens that all instances together gave to a caller who asks for far more than its limit, and what refills meanwhile.

    Beside busy neighbours it asks for longer than `seconds`, and may be kept from asking while a full bucket takes no more.
    """
    given, begin = 0, time.monotonic()
    while time.monotonic() < begin + seconds:
        for one in made:
            given += cost if one.take(who, cost).allowed else 0
        time.sleep(0.0001)  # noqa: TID251 - the caller's own pace
    return given, QUOTA / WINDOW * (time.monotonic() - begin)


@pytest.mark.parametrize("cost", [1, 150])
def test_two_instances_together_give_out_one_limit(valkey_url: str, cost: int) -> None:
    with instances(valkey_url, 2) as made:
        # when
        given, refilled = hammer(made, caller(), 4.0, cost)
    # then: the quota, its refill, and per instance a tenth of the quota and one request
    assert given <= QUOTA + refilled + len(made) * (QUOTA * 0.1 + cost)
    # and not much less: what each holds in its lease is at most a tenth
    assert given >= QUOTA + refilled * 0.5


def test_debts_are_paid_so_the_rate_holds_over_time(valkey_url: str) -> None:
    with instances(valkey_url, 2) as made:
        # given a caller that has spent everything
        who = caller()
        hammer(made, who, 2.0)
        # when
        given, refilled = hammer(made, who, 4.0)
    # then
    assert refilled * 0.5 <= given <= refilled * 1.15


def test_nobody_within_the_limit_is_refused(valkey_url: str) -> None:
    with instances(valkey_url, 2) as made:
        who = caller()
        # when: 400 tokens a second of 1,000
        for _ in range(200):
            assert all(one.take(who, 2).allowed for one in made)
            time.sleep(0.01)  # noqa: TID251 - the caller's own pace


def test_one_callers_limit_is_not_anothers(valkey_url: str) -> None:
    with instances(valkey_url, 2) as made:
        # given a caller that took more than all of its quota, with one of the instances
        greedy = caller()
        assert made[0].take(greedy, 2 * QUOTA).allowed
        assert not made[0].take(greedy).allowed
        # then the other learns of it, and nobody else is held to it
        until(lambda: not made[1].take(greedy).allowed)
        assert all(one.take(caller()).allowed for one in made)
        # and it is let in again when that is paid
        until(lambda: made[1].take(greedy).allowed)


def test_what_is_left_is_never_more_than_the_quota(valkey_url: str) -> None:
    # given a caller who holds a lease while the bucket that it came from fills up again
    with instances(valkey_url, 2) as made:
        who = caller()
        begin, left = time.monotonic(), []
        while time.monotonic() < begin + 3 * WINDOW:
            left += [one.take(who) for one in made]
            time.sleep(0.02)  # noqa: TID251 - the caller's own pace
    # then
    assert max(decision.tokens for decision in left) <= QUOTA
    assert all(decision.reset_seconds >= 0 for decision in left)


def test_an_unused_lease_is_given_back(valkey_url: str) -> None:
    with instances(valkey_url, 2) as (first, second):
        # given a caller who asked once, so that there is a lease
        who, given = caller(), 0
        first.take(who, 300)
        until(lambda: first.state().leases > 0)
        leases = first.state().leases
        # when nobody asks any more, then Redis is asked all the same: to take it back
        until(lambda: first.state().leases > leases)

        # and the other instance gives out what is there
        def is_given() -> bool:
            nonlocal given
            given += 50 * second.take(who, 50).allowed
            return given >= QUOTA * 0.95

        until(is_given, pause=0.002)


def test_while_the_cache_is_dead_the_limit_holds_in_each_instance(tmp_path: Path) -> None:
    # given a cache of the test's own
    port, password = free_port(), secrets.token_hex(8)
    environment = {
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_CACHE_FOLDER": str(tmp_path / "valkey"),
        "CACHE_PASSWORD": password,
    }
    command = [sys.executable, "-m", "services.cache"]
    ready = f"tcp://127.0.0.1:{port}"
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    with running(command, environment, ready, tmp_path) as pid, instances(url, 1) as made:
        who = caller()
        hammer(made, who, 0.5)
        # when it is killed
        os.kill(pid, signal.SIGKILL)
        until(lambda: not made[0].state().shared)
        # then a caller gets its rate, neither nothing nor all it asks for
        given, refilled = hammer(made, who, 3.0)
        assert refilled * 0.5 <= given <= QUOTA + refilled + QUOTA * 0.1
        # and one who is new gets the limit too
        given, refilled = hammer(made, caller(), 1.0)
        assert QUOTA * 0.85 <= given <= (QUOTA + refilled) * 1.15
        # when it is back
        with running(command, environment, ready, tmp_path):
            until(lambda: made[0].state().shared)
            assert made[0].take(caller()).allowed
