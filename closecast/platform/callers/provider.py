"""Sign-in with an OpenID provider: the authorization code flow with PKCE, and what the identity token says of a person.

OpenID Connect Core 1.0, sections 3.1 and 5.1; PKCE is RFC 7636, the issuer in the provider's answer RFC 9207.
"""

import hmac
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt
import msgspec
import requests

from closecast.platform.callers.caller import Role, UnknownCallerError
from closecast.platform.callers.issuers import Issuer, is_safe_url, require_name
from closecast.platform.callers.jwks import SigningKey, usable_keys
from closecast.platform.callers.tokens import decoded_claims
from closecast.platform.callers.users import NAME
from closecast.platform.settings import SettingsError

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session

VARIABLE = "CLOSECAST_SIGN_IN_PROVIDER"
_DISCOVERY = "/.well-known/openid-configuration"
_TIMEOUT_SECONDS = 3.0  # for the connection, and between two parts of an answer
_TRUST_SECONDS = 3600.0  # how long the provider's addresses and keys are kept
_LONGEST_SUBJECT = 255  # OpenID Connect Core, section 2
_CODE = re.compile(r"[a-z_]{1,40}")  # an error of OAuth, such as access_denied
_EMAIL = "email"


class ProviderAwayError(RuntimeError):
    """The provider does not answer, or not as OpenID Connect has it: nobody can sign in with it now."""


class ProviderRefusedError(Exception):
    """This person may not sign in. The message is for the person, and quotes nothing that was sent."""


class _Configured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON object in CLOSECAST_SIGN_IN_PROVIDER."""

    name: str  # begins the names of its users
    issuer: str
    client_id: str
    roles: dict[str, Role]  # role by value of the role claim
    client_secret: str = ""  # none for a public client: PKCE protects the code by itself
    title: str = ""  # how people call the provider
    role_claim: str | list[str] = "groups"  # a name, or the path to a nested one
    default_role: Role | None = None  # of people whose role claim gives none
    name_claim: str = _EMAIL
    claims: dict[str, str | bool] = {}  # other claims that a person must have
    scopes: tuple[str, ...] = ("openid", _EMAIL, "profile")


@dataclass(frozen=True)
class Provider:
    """An OpenID provider as it is configured, and the client that Closecast is there."""

    issuer: Issuer
    title: str
    client_id: str
    default_role: Role | None
    scopes: tuple[str, ...]
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Attempt:
    """What an attempt to sign in must show again: only the browser that began it keeps these."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Attempt":
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))


@dataclass(frozen=True)
class Person:
    """A person as the provider tells: `subject` is unique and stable there, `name` is for people."""

    subject: str
    name: str
    role: Role


class _Metadata(msgspec.Struct):
    """What is needed of the provider's configuration (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


def provider(text: str) -> Provider | None:
    """Parse the JSON `text`; None if it is blank. Raises SettingsError that names what is wrong, without the secret."""
    if not text.strip():
        return None
    try:
        found = msgspec.json.decode(text, type=_Configured)
    except msgspec.DecodeError as error:
        raise SettingsError(f"{VARIABLE} is not a provider: {error}") from error
    require_name(found.name, VARIABLE)
    for member in ("client_id", "role_claim", "name_claim"):
        if not getattr(found, member):
            raise SettingsError(f"{VARIABLE} has an empty {member}; expected a value")
    if not (found.roles or found.default_role):
        raise SettingsError(f"{VARIABLE} has neither roles nor a default_role: nobody could sign in")
    if "openid" not in found.scopes:
        raise SettingsError(f"{VARIABLE} has scopes without openid: the provider would not say who somebody is")
    if not is_safe_url(found.issuer):
        raise SettingsError(
            f"the issuer {found.issuer!r} in {VARIABLE} must begin with https://, or with http:// and be on this machine"
        )
    path = (found.role_claim,) if isinstance(found.role_claim, str) else tuple(found.role_claim)
    # A group's name says nothing about an address; an address does only if the provider has seen it work.
    required = {"email_verified": True, **found.claims} if path == (_EMAIL,) else found.claims
    issuer = Issuer(
        found.name, found.issuer, "", found.client_id, "user", path, found.roles, required, found.name_claim
    )
    title = found.title or found.name
    return Provider(issuer, title, found.client_id, found.default_role, found.scopes, client_secret=found.client_secret)


class SignInProvider:
    """Signs people in with `configured`. Its methods ask the provider, and so belong on a thread."""

    def __init__(self, configured: Provider) -> None:
        self.configured = configured
        self._known: tuple[float, _Metadata, Mapping[str, SigningKey]] | None = None

    def address(self, attempt: Attempt, redirect_uri: str) -> str:
        """The provider's page on which `attempt` goes on; it leads back to `redirect_uri`. Raises ProviderAwayError."""
        metadata, _ = self._current()
        with self._session(redirect_uri) as session:
            url, _ = session.create_authorization_url(
                metadata.authorization_endpoint,
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(url)

    def person(self, answer: Mapping[str, str], attempt: Attempt, redirect_uri: str) -> Person:
        """The person of whom the provider's `answer` tells, the query with which the browser came back to `redirect_uri`.

        Raises ProviderRefusedError and ProviderAwayError.
        """
        title = self.configured.title
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise ProviderRefusedError("This sign-in began in another window. Start again here.")
        if answer.get("iss", self.configured.issuer.url) != self.configured.issuer.url:
            raise ProviderRefusedError(f"This answer is not from {title}. Start again.")
        if "code" not in answer:
            error = answer.get("error", "")
            if error == "access_denied":
                raise ProviderRefusedError(f"{title} did not let you in.")
            told = error if _CODE.fullmatch(error) else "no reason given"
            raise ProviderRefusedError(f"{title} could not sign you in ({told}).")
        token = self._identity_token(answer["code"], attempt, redirect_uri)
        return self._person(self._claims(token, attempt.nonce))

    def _session(self, redirect_uri: str) -> "OAuth2Session":
        # Imported here: it takes a third of a second, and most installations have no provider.
        from authlib.integrations.requests_client import OAuth2Session

        found = self.configured
        return OAuth2Session(
            found.client_id,
            found.client_secret or None,
            scope=" ".join(found.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _current(self) -> tuple[_Metadata, Mapping[str, SigningKey]]:
        """The provider's addresses and keys, asked for again when they are old. Raises ProviderAwayError."""
        if self._known is None or time.monotonic() - self._known[0] > _TRUST_SECONDS:
            return self._asked()
        return self._known[1:]

    def _asked(self) -> tuple[_Metadata, Mapping[str, SigningKey]]:
        url = self.configured.issuer.url
        try:
            metadata = msgspec.json.decode(self._fetched(url.rstrip("/") + _DISCOVERY), type=_Metadata)
            if metadata.issuer != url:
                raise self._unsound("its configuration names another issuer")
            for address in (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri):
                if not is_safe_url(address):
                    raise self._unsound("its configuration has an address that is neither https nor on this machine")
            keys = usable_keys(self._fetched(metadata.jwks_uri))
        except (msgspec.DecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._unsound("its configuration or its keys are not understood") from error
        self._known = time.monotonic(), metadata, keys
        return metadata, keys

    def _fetched(self, url: str) -> bytes:
        """What is at `url`. What a redirect leads to is not taken for it. Raises ProviderAwayError."""
        try:
            answer = requests.get(url, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            raise ProviderAwayError(f"{self.configured.title} does not answer: {type(error).__name__}") from error
        if answer.status_code != requests.codes.ok:
            raise self._unsound(f"it answers {answer.status_code}")
        return answer.content

    def _identity_token(self, code: str, attempt: Attempt, redirect_uri: str) -> bytes:
        """The identity token for `code`. Raises ProviderRefusedError and ProviderAwayError."""
        from authlib.integrations.base_client import OAuthError

        metadata, _ = self._current()
        title = self.configured.title
        with self._session(redirect_uri) as session:
            try:
                answer = session.fetch_token(
                    metadata.token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=attempt.verifier,
                    timeout=_TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
            except OAuthError as error:
                told = (
                    error.error if isinstance(error.error, str) and _CODE.fullmatch(error.error) else "no reason given"
                )
                if told in ("invalid_grant", "access_denied"):
                    raise ProviderRefusedError(
                        f"{title} does not accept this sign-in any more. Start again."
                    ) from error
                raise self._unsound(f"it refuses this service ({told})") from error
            except requests.RequestException as error:
                raise ProviderAwayError(f"{title} does not answer: {type(error).__name__}") from error
            except (ValueError, TypeError, AttributeError) as error:
                raise self._unsound("its answer to the code is not understood") from error
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise self._unsound("its answer to the code has no identity token")
        return token.encode()

    def _claims(self, token: bytes, nonce: str) -> dict[str, Any]:
        """The claims of a sound identity token. Raises ProviderRefusedError and ProviderAwayError."""
        try:
            claims = decoded_claims(token, self._key(token), self.configured.issuer)
        except (UnknownCallerError, jwt.PyJWTError) as error:
            reason = str(error) if isinstance(error, UnknownCallerError) else "the token is not a JWT"
            raise ProviderRefusedError(f"What {self.configured.title} says of you does not hold: {reason}.") from error
        audience, party = claims["aud"], claims.get("azp", self.configured.client_id)
        if party != self.configured.client_id or (
            isinstance(audience, list) and len(audience) > 1 and "azp" not in claims
        ):
            raise ProviderRefusedError(f"What {self.configured.title} says of you is meant for another service.")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise ProviderRefusedError(f"What {self.configured.title} says of you is of another sign-in. Start again.")
        return claims

    def _key(self, token: bytes) -> jwt.PyJWK:
        """The key that signed the token. Raises UnknownCallerError, jwt.PyJWTError and ProviderAwayError."""
        kid = jwt.get_unverified_header(token).get("kid")
        if kid is None:
            # Where there is one key its id may be left out (OpenID Connect Core, section 10.1): it is the one of now.
            found = list(self._asked()[1].values())
            if len(found) == 1:
                return found[0].jwk
        elif (key := self._current()[1].get(str(kid)) or self._asked()[1].get(str(kid))) is not None:
            return key.jwk
        raise UnknownCallerError("it is signed by a key that is not published")

    def _person(self, claims: dict[str, Any]) -> Person:
        issuer, title = self.configured.issuer, self.configured.title
        role = issuer.role(claims) or self.configured.default_role
        if role is None:
            raise ProviderRefusedError(f"{title} knows you, but gives you no role here. Ask an administrator.")
        subject, named = claims["sub"], claims.get(issuer.name_claim)
        if not (isinstance(subject, str) and 0 < len(subject) <= _LONGEST_SUBJECT and subject.isprintable()):
            raise self._unsound("it names people by what is no text of 255 characters at most")
        if issuer.name_claim == _EMAIL and claims.get("email_verified") is False:
            raise ProviderRefusedError(f"{title} has not verified your e-mail address.")
        name = named.strip().lower() if isinstance(named, str) else ""
        if not NAME.fullmatch(name):
            raise ProviderRefusedError(
                f"{title} gives you no name that can be used here: its claim {issuer.name_claim} must have letters, "
                "digits and . _ @ + - only. Ask an administrator."
            )
        return Person(subject, name, role)

    def _unsound(self, reason: str) -> ProviderAwayError:
        return ProviderAwayError(f"{self.configured.title} cannot be used: {reason}")
