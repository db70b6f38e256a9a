"""Which issuers are trusted, and which roles their tokens give."""

import json
from typing import Any

import pytest

from closecast.platform.callers.issuers import issuers
from closecast.platform.settings import SettingsError

CONFIGURED = {
    "name": "corp",
    "issuer": "https://id.example",
    "jwks_url": "https://id.example/keys",
    "audience": "closecast",
    "kind": "user",
    "role_claim": ["realm_access", "roles"],
    "roles": {"sales": "viewer", "sales-ops": "scorer"},
}


def test_roles_come_from_nested_lists_and_words_and_the_highest_counts() -> None:
    nested, words = issuers(json.dumps([CONFIGURED, {**CONFIGURED, "name": "b", "issuer": "b", "role_claim": "scope"}]))
    assert nested.role({"realm_access": {"roles": ["sales", "x", "sales-ops"]}}) == "scorer"
    assert words.role({"scope": "openid sales"}) == "viewer"
    for nothing in (
        {},
        {"realm_access": "sales"},
        {"realm_access": {"roles": [1, None]}},
        {"realm_access": {"roles": 7}},
    ):
        assert nested.role(nothing) is None
    assert issuers("") == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"jwks_url": "http://id.example/keys"}, "must begin with https"),
        ({"jwks_url": "file:///etc/keys"}, "must begin with https"),
        ({"name": "key"}, "not 'key' or 'user'"),
        ({"name": "user"}, "not 'key' or 'user'"),
        ({"name": "A:b"}, "lower-case letters"),
        ({"roles": {}}, "empty roles"),
        ({"roles": {"x": "god"}}, "not a JSON list of issuers"),
        ({"audience": ""}, "empty audience"),
        ({"algorithms": ["none"]}, "not a JSON list of issuers"),
    ],
)
def test_a_configuration_that_cannot_be_is_named(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        issuers(json.dumps([{**CONFIGURED, **changed}]))
    with pytest.raises(SettingsError, match="the same name twice"):
        issuers(json.dumps([CONFIGURED, CONFIGURED]))
