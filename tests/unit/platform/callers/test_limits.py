"""One instance's limits by themselves: what is given, and what is refused."""

import pytest

from closecast.platform.callers.caller import Caller
from closecast.platform.callers.limits import Limits
from closecast.platform.callers.quota import DEFAULTS, Limit

SCORER = Caller("key:abc", "dashboard", "key", "scorer")
LIMIT = Limit(10, 100)  # one token in ten seconds


@pytest.fixture
def limits() -> Limits:
    return Limits({**DEFAULTS, "scorer": LIMIT}, None)


def test_the_quota_is_given_and_then_refused_until_it_is_refilled(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    now = 1_000.0
    monkeypatch.setattr("closecast.platform.callers.limits.time.monotonic", lambda: now)
    # then
    assert [limits.take(SCORER).allowed for _ in range(12)] == [True] * 10 + [False] * 2
    assert limits.state().refused == 2
    assert limits.take(Caller("key:other", "x", "key", "scorer")).allowed
    # when one token's time has passed
    now += 10.5
    assert [limits.take(SCORER).allowed for _ in range(2)] == [True, True]  # the second on the half that is left
    assert not limits.take(SCORER).allowed


def test_what_is_larger_than_the_rest_is_served_and_paid_for_afterwards(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr("closecast.platform.callers.limits.time.monotonic", lambda: now)
    # when
    assert limits.take(SCORER, 25).allowed
    # then
    refused = limits.take(SCORER)
    assert (refused.allowed, refused.reset_seconds) == (False, 160)
    now += 160
    assert limits.take(SCORER).allowed


def test_who_was_let_in_pays_for_all_of_it(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("closecast.platform.callers.limits.time.monotonic", lambda: now)
    # given the last token
    assert limits.take(SCORER, 9).allowed
    assert limits.take(SCORER).allowed
    # when what was let in for it turns out to cost more
    charged = limits.charge(SCORER, 24)
    # then that is no refusal, and the next request waits until it is paid
    assert (charged.allowed, charged.tokens, limits.state().refused) == (True, -24, 0)
    assert limits.take(SCORER).reset_seconds == 250
    assert limits.charge(SCORER, 0).allowed
    assert limits.state().refused == 1


def test_a_changed_role_has_its_own_limit(limits: Limits) -> None:
    limits.take(SCORER, 25)
    assert limits.take(Caller(SCORER.id, "dashboard", "key", "admin")).limit == DEFAULTS["admin"]


def test_callers_without_end_do_not_fill_the_memory(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("closecast.platform.callers.limits.MOST_BUCKETS", 50)
    for number in range(200):
        limits.take(Caller(f"idp:{number}", "x", "user", "viewer"))
    assert limits.state().callers <= 50
