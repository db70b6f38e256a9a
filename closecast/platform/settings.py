"""Where the outside is: settings of lake, registry, cache, database and Prefect, read from the environment in this one place."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from closecast.platform.signatures import Signer, TrustedKeys

SIGNING_KEY = "CLOSECAST_MODEL_SIGNING_KEY"  # of who trains
PUBLIC_KEYS = "CLOSECAST_MODEL_PUBLIC_KEYS"  # of who loads models

# The Prefect variable that holds the platform's source: what flows read unless a source is named.
SOURCE_VARIABLE = "closecast_source"


class SettingsError(ValueError):
    """The environment lacks a variable that is needed, or holds something unusable."""


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
    trusted: "TrustedKeys | None" = None  # whose models are loaded; without keys, anybody's
    login: Login | None = None  # without one only a server that asks for none answers

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "RegistrySettings":
        """Raises SettingsError when MLFLOW_TRACKING_URI is missing or no http(s) address, for keys that are none, and for a
        user without a password (MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, as MLflow's own client has them)."""
        uri = required(environment, "MLFLOW_TRACKING_URI")
        if not uri.startswith(("http://", "https://")):
            raise SettingsError(f"MLFLOW_TRACKING_URI is {uri!r}; expected the http(s) address of an MLflow server")
        return cls(uri.rstrip("/"), _trusted(environment), login(environment))


def login(environment: Mapping[str, str]) -> Login | None:
    """Who this process is to the MLflow server, None where the environment has neither variable. Raises SettingsError for half."""
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    if not any(name in environment for name in names):
        return None
    user, password = (required(environment, name) for name in names)
    return Login(user, password)


def signer(environment: Mapping[str, str]) -> "Signer":
    """The key that models are signed with. Raises SettingsError when there is none, or what there is is no key."""
    from closecast.platform.signatures import Signer

    try:
        return Signer.from_text(required(environment, SIGNING_KEY))
    except SettingsError:
        raise
    except ValueError as error:
        raise SettingsError(f"{SIGNING_KEY} is not usable: {error}") from error


def _trusted(environment: Mapping[str, str]) -> "TrustedKeys | None":
    """An empty value is none by mistake: it is refused, and does not let everybody's models in."""
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
        """Raises SettingsError naming the variable that is missing; keys are needed where an endpoint is named."""
        endpoint = environment.get("AWS_ENDPOINT_URL_S3") or None
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        wanted = endpoint is not None or any(environment.get(name) for name in names)
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
        """Raises SettingsError when PREFECT_API_URL is missing."""
        return cls(required(environment, "PREFECT_API_URL"))


@dataclass(frozen=True)
class CacheSettings:
    """The cache (Valkey), which holds the stream of predictions."""

    url: str  # redis://:password@host:port/0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "CacheSettings":
        """Raises SettingsError when CLOSECAST_CACHE_URL is missing or no redis(s) address."""
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
        """Raises SettingsError when the variable `name` is missing or no postgresql address."""
        expected = "postgresql://role:password@host:port/database"
        return cls(_address(environment, name, ("postgresql",), expected))

    def __repr__(self) -> str:
        return f"DatabaseSettings(url={_without_password(self.url)!r})"


def _address(environment: Mapping[str, str], name: str, schemes: tuple[str, ...], expected: str) -> str:
    """The value is not quoted in the error: it holds a password."""
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
