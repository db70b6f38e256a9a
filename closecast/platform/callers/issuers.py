"""Configured token issuers: their audience, and the roles that their claims give."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from closecast.platform.callers.caller import KEY, USER, Kind, Role, highest
from closecast.platform.settings import SettingsError

_RESERVED = (KEY.rstrip(":"), USER.rstrip(":"))


class _Configured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One element of the JSON list CLOSECAST_TOKEN_ISSUERS."""

    name: str
    issuer: str
    jwks_url: str
    audience: str
    kind: Literal["user", "workload"]
    role_claim: str | list[str]  # a name, or the path to a nested one
    roles: dict[str, Role]  # role by value of that claim
    claims: dict[str, str] = {}
    name_claim: str = "sub"


@dataclass(frozen=True)
class Issuer:
    """An issuer of tokens (`iss` is `url`), the audience its tokens must name, and how their claims are read."""

    name: str
    url: str
    jwks_url: str
    audience: str
    kind: Kind
    role_claim: tuple[str, ...]
    roles: dict[str, Role]
    claims: Mapping[str, str | bool]  # other claims that a token must have
    name_claim: str

    def role(self, claims: dict[str, Any]) -> Role | None:
        """The highest role of the claims: the role claim is a text, words in a text, or a list of texts."""
        value: Any = claims
        for name in self.role_claim:
            value = value.get(name) if isinstance(value, dict) else None
        values = [value, *value.split()] if isinstance(value, str) else value if isinstance(value, list) else []
        return highest([self.roles[one] for one in values if isinstance(one, str) and one in self.roles])


def issuers(text: str) -> tuple[Issuer, ...]:
    """Parse the issuers in the JSON `text`, which may be empty. Raises SettingsError that names what is wrong.

    Keys decide about access, so they are fetched over https, or over http from this machine only.
    """
    if not text.strip():
        return ()
    try:
        configured = msgspec.json.decode(text, type=list[_Configured])
    except msgspec.DecodeError as error:
        raise SettingsError(f"CLOSECAST_TOKEN_ISSUERS is not a JSON list of issuers: {error}") from error
    for names, what in (([one.name for one in configured], "name"), ([one.issuer for one in configured], "issuer")):
        if len(set(names)) < len(names):
            raise SettingsError(f"CLOSECAST_TOKEN_ISSUERS has the same {what} twice among {', '.join(names)}")
    return tuple(_issuer(one) for one in configured)


def _issuer(one: _Configured) -> Issuer:
    for member in ("name", "issuer", "audience", "role_claim", "roles"):
        if not getattr(one, member):
            raise SettingsError(f"an issuer in CLOSECAST_TOKEN_ISSUERS has an empty {member}; expected a value")
    require_name(one.name, "CLOSECAST_TOKEN_ISSUERS")
    if not is_safe_url(one.jwks_url):
        raise SettingsError(
            f"the jwks_url {one.jwks_url!r} of the issuer {one.name} must begin with https://, or with http:// and be on "
            "this machine"
        )
    path = (one.role_claim,) if isinstance(one.role_claim, str) else tuple(one.role_claim)
    return Issuer(
        one.name, one.issuer, one.jwks_url, one.audience, one.kind, path, one.roles, one.claims, one.name_claim
    )


def require_name(name: str, variable: str) -> None:
    """Raise SettingsError for a name that cannot begin the names of an issuer's callers; `variable` has it."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name) or name in _RESERVED:
        raise SettingsError(
            f"the name {name!r} in {variable} must be 1 to 31 lower-case letters, digits and hyphens, and not 'key' or "
            "'user': it begins the names of callers"
        )


def is_safe_url(url: str) -> bool:
    """Whether what is fetched from `url` is from there: over https, or over http from this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = parts.hostname
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(str(host))))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
