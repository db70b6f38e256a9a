"""Settings of the journal, read from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from closecast.platform.settings import CacheSettings, DatabaseSettings, LakeSettings, required, whole_number
from services.listening import interface


@dataclass(frozen=True)
class Settings:
    """Settings of cache, database, lake, this consumer, and archiving."""

    cache: CacheSettings
    database: DatabaseSettings
    lake: LakeSettings
    consumer: str  # the same after a restart, so that unacknowledged messages are continued at once
    host: str
    port: int
    archive_rows: int
    archive_age: timedelta
    kept: timedelta  # of predictions in PostgreSQL, after they are in the lake

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises SettingsError naming the variable that is missing or unusable."""
        return cls(
            cache=CacheSettings.from_environment(environment),
            database=DatabaseSettings.from_environment(environment),
            lake=LakeSettings.from_environment(environment),
            consumer=required(environment, "CLOSECAST_CONSUMER"),
            host=interface(environment),
            port=whole_number(required(environment, "CLOSECAST_PORT"), "CLOSECAST_PORT"),
            archive_rows=whole_number(environment.get("CLOSECAST_ARCHIVE_ROWS", "50000"), "CLOSECAST_ARCHIVE_ROWS"),
            archive_age=timedelta(
                seconds=whole_number(environment.get("CLOSECAST_ARCHIVE_SECONDS", "900"), "CLOSECAST_ARCHIVE_SECONDS")
            ),
            kept=timedelta(
                days=whole_number(environment.get("CLOSECAST_PREDICTIONS_DAYS", "400"), "CLOSECAST_PREDICTIONS_DAYS")
            ),
        )
