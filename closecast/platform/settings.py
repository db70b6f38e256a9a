"""Settings of lake, registry, cache, database and Prefect, read from the environment."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from closecast.platform.signatures import Signer, TrustedKeys

SIGNING_KEY = "CLOSECAST_MODEL_SIGNING_KEY"  # for processes that train
PUBLIC_KEYS = "CLOSECAST_MODEL_PUBLIC_KEYS"  # for processes that load models
PSEUDONYM_KEY = "CLOSECAST_PSEUDONYM_KEY"  # for processes that read deals from outside

# The Prefect variable with the platform's source, the default of flows.
SOURCE_VARIABLE = "closecast_source"
MAPPING_VARIABLE = "closecast_mapping"
# Whether a challenger that outcomes prove better is promoted: "auto", or "manual"; and how many days a former champion stays in
# shadow. Each with what holds where it is not set.
PROMOTION_VARIABLE, PROMOTION_DEFAULT = "closecast_promotion", "auto"
WATCH_VARIABLE, WATCH_DAYS = "closecast_watch_days", 60


class SettingsError(ValueError):
    """The environment lacks a required variable, or a value is unusable."""


@dataclass(frozen=True)
class Login:
    """A user of the MLflow server."""

    user: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The header `Authorization`."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


@dataclass(frozen=True)
class RegistrySettings:
    """The MLflow server, which keeps runs, the model registry and, through its proxy, the artifacts."""

    tracking_uri: str
    trusted: "TrustedKeys | None" = None  # keys whose models are loaded; None: all models
    login: Login | None = None  # None for a server without authentication

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "RegistrySettings":
        """Read MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and the public keys.

        Raises SettingsError for an address that is missing or not http(s), unusable keys, and a user without a
        password.
        """
        uri = required(environment, "MLFLOW_TRACKING_URI")
        if not uri.startswith(("http://", "https://")):
            raise SettingsError(f"MLFLOW_TRACKING_URI is {uri!r}; expected the http(s) address of an MLflow server")
        return cls(uri.rstrip("/"), _trusted(environment), login(environment))


def login(environment: Mapping[str, str]) -> Login | None:
    """The login to the MLflow server, None if the environment has neither variable.

    Raises SettingsError if it has only one.
    """
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    if not any(name in environment for name in names):
        return None
    user, password = (required(environment, name) for name in names)
    return Login(user, password)


def signer(environment: Mapping[str, str]) -> "Signer":
    """The key that signs models. Raises SettingsError when it is missing or unusable."""
    from closecast.platform.signatures import Signer

    try:
        return Signer.from_text(required(environment, SIGNING_KEY))
    except SettingsError:
        raise
    except ValueError as error:
        raise SettingsError(f"{SIGNING_KEY} is not usable: {error}") from error


def _trusted(environment: Mapping[str, str]) -> "TrustedKeys | None":
    """Read the public keys. An empty value is refused as a mistake: it would allow all models."""
    if PUBLIC_KEYS not in environment:
        return None
    from closecast.platform.signatures import TrustedKeys

    try:
        return TrustedKeys.from_text(environment[PUBLIC_KEYS])
    except ValueError as error:
        raise SettingsError(f"{PUBLIC_KEYS} is not usable: {error}") from error


@dataclass(frozen=True)
class LakeSettings:
    """The lake's bucket and how to reach it. Without keys AWS's own chain finds credentials (an instance's role)."""

    bucket: str
    region: str
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "LakeSettings":
        """Read the settings. Raises SettingsError naming a missing variable; an endpoint needs keys, or a role."""
        endpoint = environment.get("AWS_ENDPOINT_URL_S3") or None
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        has_role = bool(environment.get("AWS_ROLE_ARN"))
        wanted = (endpoint is not None and not has_role) or any(environment.get(name) for name in names)
        access_key, secret_key = (required(environment, name) for name in names) if wanted else (None, None)
        return cls(
            bucket=required(environment, "CLOSECAST_LAKE_BUCKET"),
            region=required(environment, "AWS_REGION"),
            endpoint=endpoint,
            access_key=access_key,
            secret_key=secret_key,
        )

    def __repr__(self) -> str:
        return f"LakeSettings(bucket={self.bucket!r}, region={self.region!r}, endpoint={self.endpoint!r})"


@dataclass(frozen=True)
class PrefectSettings:
    """The Prefect server that runs flows."""

    api_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "PrefectSettings":
        """Read the settings. Raises SettingsError when PREFECT_API_URL is missing."""
        return cls(required(environment, "PREFECT_API_URL"))


@dataclass(frozen=True)
class CacheSettings:
    """The cache (Valkey), which holds the stream of predictions."""

    url: str  # redis://:password@host:port/0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "CacheSettings":
        """Read the settings. Raises SettingsError when CLOSECAST_CACHE_URL is missing or not a redis(s) address."""
        return cls(_address(environment, "CLOSECAST_CACHE_URL", ("redis", "rediss"), "redis://:password@host:port/0"))

    def __repr__(self) -> str:
        return f"CacheSettings(url={_without_password(self.url)!r})"


@dataclass(frozen=True)
class DatabaseSettings:
    """Closecast's own database (PostgreSQL)."""

    url: str  # postgresql://role:password@host:port/database

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], name: str = "CLOSECAST_DATABASE_URL"
    ) -> "DatabaseSettings":
        """Read the settings. Raises SettingsError when the variable `name` is missing or not a postgresql address."""
        expected = "postgresql://role:password@host:port/database"
        return cls(_address(environment, name, ("postgresql",), expected))

    def __repr__(self) -> str:
        return f"DatabaseSettings(url={_without_password(self.url)!r})"


def _address(environment: Mapping[str, str], name: str, schemes: tuple[str, ...], expected: str) -> str:
    """Read an address. The error does not quote the value, because it holds a password."""
    url = required(environment, name)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and parts.hostname and parts.port
    except ValueError:
        usable = None
    if not usable:
        raise SettingsError(f"{name} is not usable; expected {expected}")
    return url


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path}"


def required(environment: Mapping[str, str], name: str) -> str:
    """The value of the variable `name`. Raises SettingsError when it is not set."""
    value = environment.get(name)
    if not value:
        raise SettingsError(f"the environment variable {name} is not set")
    return value


def whole_number(text: str, name: str) -> int:
    """The number in `text`, the value of the variable `name`. Raises SettingsError for anything but digits."""
    if not (text.isascii() and text.isdecimal()):
        raise SettingsError(f"{name} is {text!r}, expected a whole number")
    return int(text)
