"""Keys of issuers from a real HTTP server: what rotation does, and what an issuer does that is away."""

import json
import threading
import time
from pathlib import Path

import pytest

from closecast.platform.callers.caller import UncheckedCallerError, UnknownCallerError
from closecast.platform.callers.jwks import TRUST_SECONDS
from closecast.platform.callers.tokens import Tokens
from tests.integration.platform.callers.conftest import settled, started
from tests.issuer import TokenIssuer, forged
from tests.waiting import until


def test_a_new_key_is_fetched_when_a_token_names_it_and_not_at_every_token(tokens: Tokens, issuer: TokenIssuer) -> None:
    # given a rotation
    issuer.add("second")
    token = issuer.token("second")

    def is_asked_for() -> bool:
        try:
            tokens.find(token)
        except UncheckedCallerError as error:
            return error.soon
        except UnknownCallerError:  # the issuer was asked a moment ago
            return False
        return False

    # when / then: asked for, then there
    until(is_asked_for)
    assert settled(lambda: tokens.find(issuer.token("second"))).role == "scorer"
    assert tokens.find(issuer.token()).role == "scorer"  # the old one is still published
    # and a key that is nowhere does not make the issuer be asked again and again
    asked, begin = issuer.asked, time.monotonic()
    refused: list[str] = []
    while time.monotonic() < begin + 1:
        kid = f"made-up-{len(refused)}"
        with pytest.raises((UnknownCallerError, UncheckedCallerError)) as refusal:
            tokens.find(forged({"alg": "RS256", "kid": kid}, issuer.claims(), b"\0" * 256))
        refused.append(str(refusal.value))
    # once in the 0.2 s that were set here, of several hundred tokens
    assert issuer.asked - asked <= (time.monotonic() - begin) / 0.2 + 1
    assert len(refused) > 20
    assert any("does not publish" in one for one in refused)


def test_a_withdrawn_key_takes_its_tokens_with_it(issuer: TokenIssuer) -> None:
    # given a remembered token
    tokens = started(issuer, refresh_seconds=0.1)
    issuer.add("second")
    old = issuer.token("first")
    settled(lambda: tokens.find(old))
    # when its key is published no more
    del issuer.keys["first"]

    def is_refused() -> bool:
        try:
            tokens.find(old)
        except UnknownCallerError:
            return True
        except UncheckedCallerError:
            return False
        return False

    try:
        # then
        until(is_refused)
        assert settled(lambda: tokens.find(issuer.token("second"))).role == "scorer"
    finally:
        tokens.stop()
        issuer.add("first")


def test_keys_are_kept_while_their_issuer_is_away(issuer: TokenIssuer) -> None:
    # given
    tokens = started(issuer, refresh_seconds=0.05)
    settled(lambda: tokens.find(issuer.token()))
    # when
    issuer.away = True
    until(lambda: tokens.problems)
    # then tokens that nobody has seen yet are verified
    assert tokens.find(issuer.token(sub="new")).id == "nomad:new"
    assert "503" in tokens.problems[0]
    tokens.stop()


def test_a_token_that_comes_while_the_first_keys_are_fetched_is_worth_a_wait(
    issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an issuer that takes its time
    answer = issuer.key_set
    begun = issuer.asked
    given = threading.Event()
    monkeypatch.setattr(issuer, "key_set", lambda: given.wait(60) and answer())
    tokens = started(issuer, retry_seconds=60)
    until(lambda: issuer.asked > begun)
    # when
    with pytest.raises(UncheckedCallerError) as caught:
        tokens.find(issuer.token())
    # then
    assert caught.value.soon
    given.set()
    assert settled(lambda: tokens.find(issuer.token())).id.startswith("nomad:")
    tokens.stop()


def test_an_issuer_that_never_answered_leaves_tokens_unchecked_not_unknown(issuer: TokenIssuer) -> None:
    issuer.away = True
    tokens = started(issuer, retry_seconds=60)
    until(lambda: tokens.problems)
    with pytest.raises(UncheckedCallerError) as caught:
        tokens.find(issuer.token())
    assert not caught.value.soon
    tokens.stop()


def test_keys_outlive_a_restart_while_the_issuer_is_away_but_not_for_ever(issuer: TokenIssuer, tmp_path: Path) -> None:
    # given
    file, token = tmp_path / "cache" / "jwks.json", issuer.token()
    first = started(issuer, file)
    settled(lambda: first.find(token))
    first.stop()
    issuer.away = True
    # when
    again = started(issuer, file)
    # then
    assert again.find(token).role == "scorer"
    again.stop()
    # given a copy that is too old, then one that is damaged
    kept = json.loads(file.read_text())
    (entry,) = kept.values()
    entry["fetched"] -= TRUST_SECONDS
    for content in (json.dumps(kept), "{", "[]"):
        file.write_text(content)
        # when
        later = started(issuer, file)
        # then
        with pytest.raises(UncheckedCallerError):
            later.find(token)
        later.stop()
