"""Settings of shadow scoring, read from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from closecast.platform.settings import DatabaseSettings, RegistrySettings, SettingsError, required, whole_number
from services.listening import interface


@dataclass(frozen=True)
class Settings:
    """Settings of database and registry, the folder of local copies of models, and the sampling rate."""

    database: DatabaseSettings
    registry: RegistrySettings
    cache: Path
    host: str
    port: int
    rate: float  # share of deals that are scored, 0 to 1

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises SettingsError naming the variable that is missing or unusable."""
        port = whole_number(required(environment, "CLOSECAST_PORT"), "CLOSECAST_PORT")
        return cls(
            database=DatabaseSettings.from_environment(environment),
            registry=RegistrySettings.from_environment(environment),
            cache=Path(required(environment, "CLOSECAST_MODEL_CACHE")),
            host=interface(environment),
            port=port,
            rate=_share(environment.get("CLOSECAST_SHADOW_RATE", "1"), "CLOSECAST_SHADOW_RATE"),
        )


def _share(text: str, name: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise SettingsError(f"{name} is {text!r}, expected a number from 0 to 1")
    return found
