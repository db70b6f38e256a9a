"""Where the outside is: settings of the lake and the model registry, read from the environment in this one place."""

from collections.abc import Mapping
from dataclasses import dataclass


class SettingsError(ValueError):
    """The environment lacks a variable that is needed, or holds something unusable."""


@dataclass(frozen=True)
class RegistrySettings:
    """The MLflow server, which keeps runs, the model registry and, through its proxy, the artifacts."""

    tracking_uri: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "RegistrySettings":
        """Raises SettingsError when MLFLOW_TRACKING_URI is missing or no http(s) address."""
        uri = required(environment, "MLFLOW_TRACKING_URI")
        if not uri.startswith(("http://", "https://")):
            raise SettingsError(f"MLFLOW_TRACKING_URI is {uri!r}; expected the http(s) address of an MLflow server")
        return cls(uri.rstrip("/"))


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


def required(environment: Mapping[str, str], name: str) -> str:
    """The value of the variable `name`. Raises SettingsError when it is not set."""
    value = environment.get(name)
    if not value:
        raise SettingsError(f"the environment variable {name} is not set")
    return value
