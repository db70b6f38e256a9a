"""Settings of the service, read from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from closecast.platform.alerts.rules import Rules, RulesError, load
from closecast.platform.alerts.sinks.settings import SinksError, SinkSettings, parse
from closecast.platform.settings import DatabaseSettings, SettingsError, required, whole_number
from services.listening import interface


@dataclass(frozen=True)
class Settings:
    """Database, rules, sinks, Alertmanager's token, and where to listen and look."""

    database: DatabaseSettings
    rules: Rules
    sinks: list[SinkSettings] = field(repr=False)
    token: str = field(repr=False)
    host: str
    port: int
    gateway: Path  # a file with the gateway's host:port, empty while there is none
    expects_metrics: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises SettingsError naming what is missing or unusable, without secrets."""
        port = whole_number(required(environment, "CLOSECAST_PORT"), "CLOSECAST_PORT")
        try:
            rules = load(Path(required(environment, "CLOSECAST_ALERT_RULES")))
        except RulesError as error:
            raise SettingsError(f"CLOSECAST_ALERT_RULES: {error}") from error
        try:
            sinks = parse(required(environment, "CLOSECAST_ALERT_SINKS"))
        except SinksError as error:
            raise SettingsError(f"CLOSECAST_ALERT_SINKS: {error}") from error
        return cls(
            database=DatabaseSettings.from_environment(environment),
            rules=rules,
            sinks=sinks,
            token=required(environment, "CLOSECAST_ALERTMANAGER_TOKEN"),
            host=interface(environment),
            port=port,
            gateway=Path(required(environment, "CLOSECAST_GATEWAY_ADDRESS")),
            expects_metrics=environment.get("CLOSECAST_EXPECTS_METRICS", "") != "",
        )
