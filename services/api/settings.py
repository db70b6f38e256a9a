"""Settings of the API, read from its environment."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from closecast.platform.callers.caller import ROLES, Role
from closecast.platform.callers.issuers import Issuer, issuers
from closecast.platform.callers.provider import VARIABLE as SIGN_IN_PROVIDER
from closecast.platform.callers.provider import Provider, provider
from closecast.platform.callers.quota import DEFAULTS, Limit
from closecast.platform.nomad.addresses import Address, address
from closecast.platform.settings import PSEUDONYM_KEY, LakeSettings, RegistrySettings, SettingsError
from services.api.records.journal_settings import JournalSettings
from services.api.serving.registry_events import EventSettings


@dataclass(frozen=True)
class Settings:
    """Settings of the API: registry, local model cache, authentication, and shared services."""

    registry: RegistrySettings
    model_cache: Path
    key_hashes: tuple[bytes, ...]  # SHA-256 of each key that is valid without a database, 32 bytes
    database: Address | None  # None: no other keys, and no audit log
    cache: Address | None  # None: each instance limits its callers by itself
    issuers: tuple[Issuer, ...]
    limits: Mapping[Role, Limit]
    lake: Callable[[], LakeSettings | None] | None  # None: the history is the model's training data
    recording: JournalSettings | None  # None: predictions are not recorded, for trials without a cache
    instance: str  # name of this instance for others and the audit log
    events: EventSettings | None  # None: the registry is only polled
    provider: Provider | None = None  # None: people sign in with passwords only
    pseudonym_key: str | None = None  # None: no model with pseudonyms can be served
    drain_seconds: float = 0.0  # how long a stopping instance reports that it is not ready, but still answers

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises SettingsError naming the variable that is missing or unusable."""
        cache = environment.get("CLOSECAST_MODEL_CACHE")
        if not cache:
            raise SettingsError("the environment variable CLOSECAST_MODEL_CACHE is not set")
        return cls(
            registry=RegistrySettings.from_environment(environment),
            model_cache=Path(cache),
            key_hashes=_hashes(environment.get("CLOSECAST_API_KEY_SHA256", "")),
            database=address(environment, "CLOSECAST_DATABASE_URL"),
            cache=address(environment, "CLOSECAST_CACHE_URL"),
            issuers=issuers(environment.get("CLOSECAST_TOKEN_ISSUERS", "")),
            limits=_limits(environment.get("CLOSECAST_RATE_LIMITS", "")),
            lake=_lake(environment),
            recording=JournalSettings.from_environment(environment),
            instance=f"{environment.get('CLOSECAST_HOST', 'local')}:{environment.get('CLOSECAST_PORT', '0')}",
            events=EventSettings.from_environment(environment),
            provider=provider(environment.get(SIGN_IN_PROVIDER, "")),
            pseudonym_key=environment.get(PSEUDONYM_KEY) or None,
            drain_seconds=_drain(environment.get("CLOSECAST_DRAIN_SECONDS", "0")),
        )


def _hashes(text: str) -> tuple[bytes, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(re.fullmatch(r"[0-9a-fA-F]{64}", part) for part in parts):
        raise SettingsError(
            "CLOSECAST_API_KEY_SHA256 must hold the SHA-256 of each accepted API key as 64 hexadecimal digits, "
            "with commas between"
        )
    return tuple(bytes.fromhex(part) for part in parts)


def _drain(text: str) -> float:
    if not re.fullmatch(r"\d{1,3}(\.\d+)?", text):
        raise SettingsError(f"CLOSECAST_DRAIN_SECONDS is {text!r}; expected a number of seconds, such as 2")
    return float(text)


def _lake(environment: Mapping[str, str]) -> Callable[[], LakeSettings | None] | None:
    """A reader of the lake's current settings; it returns None while the object store is unknown."""
    if not environment.get("CLOSECAST_LAKE_BUCKET"):
        return None
    endpoint = address(environment, "AWS_ENDPOINT_URL_S3")

    def now() -> LakeSettings | None:
        found = endpoint() if endpoint is not None else None
        if endpoint is not None and found is None:
            return None
        return LakeSettings.from_environment({**environment, "AWS_ENDPOINT_URL_S3": found or ""})

    return now


def _limits(text: str) -> dict[Role, Limit]:
    """Parse `viewer=1000/10,scorer=200000/10`: tokens and refill seconds; absent roles keep the defaults."""
    found = dict(DEFAULTS)
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"([a-z]+)=([1-9][0-9]{0,8})/([1-9][0-9]{0,4})", part)
        role = next((one for one in ROLES if match and match[1] == one), None)
        if match is None or role is None:
            raise SettingsError(
                f"CLOSECAST_RATE_LIMITS has {part!r}; expected {', '.join(ROLES)} with a number of tokens and of seconds, "
                "as in scorer=200000/10"
            )
        found[role] = Limit(int(match[2]), int(match[3]))
    return found
