"""What may be said about an OpenID provider, and what is refused by name."""

from typing import Any

import pytest

from closecast.platform.callers.provider import provider
from closecast.platform.settings import SettingsError
from tests.provider import SECRET, configured

URL = "https://id.example"


def test_a_provider_is_read_and_its_secret_is_not_shown() -> None:
    found = provider(configured(URL, role_claim=["realm_access", "roles"], default_role="viewer"))
    assert found is not None
    assert (found.title, found.issuer.audience, found.default_role) == ("Example & Co", "closecast", "viewer")
    assert found.issuer.role({"realm_access": {"roles": ["sales"]}}) == "scorer"
    assert found.client_secret == SECRET
    assert SECRET not in repr(found)
    assert provider(" ") is None


def test_a_role_by_address_needs_an_address_that_was_verified() -> None:
    found = provider(configured(URL, role_claim="email", claims={"hd": "example.com"}))
    assert found is not None
    assert found.issuer.claims == {"email_verified": True, "hd": "example.com"}


def test_a_provider_is_called_by_its_title_or_its_name() -> None:
    found = provider(configured(URL, title=None))
    assert found is not None
    assert found.title == "corp"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"issuer": "http://id.example"}, "must begin with https"),
        ({"issuer": "http://[::1"}, "must begin with https"),
        ({"name": "user"}, "not 'key' or 'user'"),
        ({"name": "a:b"}, "lower-case letters"),
        ({"client_id": ""}, "empty client_id"),
        ({"role_claim": []}, "empty role_claim"),
        ({"roles": {}}, "nobody could sign in"),
        ({"roles": {"x": "god"}}, "is not a provider"),
        ({"scopes": ["email"]}, "without openid"),
        ({"secret": "x"}, "is not a provider"),
        ({"client_id": None}, "is not a provider"),
    ],
)
def test_a_provider_that_cannot_be_is_named_without_its_secret(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        provider(configured(URL, **changed))
    assert SECRET not in str(refused.value)
