"""What the API needs to know, read from its environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from closecast.platform.settings import RegistrySettings, SettingsError
from services.api.registry_events import EventSettings


@dataclass(frozen=True)
class Settings:
    """Where the registry is, where models are kept on this machine, and whose keys are accepted."""

    registry: RegistrySettings
    model_cache: Path
    key_hashes: tuple[bytes, ...]  # SHA-256 of each accepted key, 32 bytes
    events: EventSettings | None = None  # without them the registry is asked at intervals alone
    cache_url: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises SettingsError naming the variable that is missing or unusable."""
        cache = environment.get("CLOSECAST_MODEL_CACHE")
        if not cache:
            raise SettingsError("the environment variable CLOSECAST_MODEL_CACHE is not set")
        return cls(
            registry=RegistrySettings.from_environment(environment),
            model_cache=Path(cache),
            key_hashes=_hashes(environment.get("CLOSECAST_API_KEY_SHA256", "")),
            events=EventSettings.from_environment(environment),
            cache_url=environment.get("CLOSECAST_CACHE_URL") or None,
        )


def _hashes(text: str) -> tuple[bytes, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(re.fullmatch(r"[0-9a-fA-F]{64}", part) for part in parts):
        raise SettingsError(
            "CLOSECAST_API_KEY_SHA256 must hold the SHA-256 of each accepted API key as 64 hexadecimal digits, "
            "with commas between"
        )
    return tuple(bytes.fromhex(part) for part in parts)
