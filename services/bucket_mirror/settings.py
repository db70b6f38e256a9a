"""Settings of the companion, read from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingsError(ValueError):
    """The environment lacks a variable, or a value is unusable."""


@dataclass(frozen=True)
class Settings:
    """LocalStack's address and key, the folders of mirror and Terraform state, and the address of the health endpoint."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str
    mirror: Path
    terraform_state: Path
    host: str
    port: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises SettingsError naming the first variable that is missing or not a number."""

        def read(name: str) -> str:
            value = environment.get(name)
            if not value:
                raise SettingsError(f"the environment variable {name} is not set")
            return value

        port = read("CLOSECAST_PORT")
        if not port.isdecimal():
            raise SettingsError(f"CLOSECAST_PORT is {port!r}, expected a port number")
        return cls(
            endpoint=read("AWS_ENDPOINT_URL"),
            access_key=read("AWS_ACCESS_KEY_ID"),
            secret_key=read("AWS_SECRET_ACCESS_KEY"),
            region=read("AWS_REGION"),
            mirror=Path(read("CLOSECAST_MIRROR")),
            terraform_state=Path(read("CLOSECAST_TERRAFORM_STATE")),
            host=read("CLOSECAST_HOST"),
            port=int(port),
        )
