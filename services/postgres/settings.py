"""Settings of the PostgreSQL process, read from its environment."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from closecast.platform.settings import SettingsError, required
from services.listening import interface
from services.postgres.managed import Managed


@dataclass(frozen=True)
class Settings:
    """Address, folder, account, and passwords by role (each except roles.LOGIN_ONLY_ROLES owns the database of its name)."""

    host: str
    port: int
    folder: Path
    superuser_password: str
    role_passwords: dict[str, str]
    account: str | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings. Raises SettingsError naming the first variable that is missing or not a number."""
        return cls(
            host=interface(environment),
            port=_port(environment, "CLOSECAST_PORT"),
            folder=Path(required(environment, "CLOSECAST_POSTGRES_FOLDER")),
            superuser_password=required(environment, "POSTGRES_SUPERUSER_PASSWORD"),
            role_passwords=_role_passwords(environment),
            account=unprivileged_account() if os.geteuid() == 0 else None,
        )


def managed_settings(environment: Mapping[str, str]) -> tuple[Managed, tuple[str, int]] | None:
    """The server of CLOSECAST_DATABASE_HOST, and where its watcher listens; None where PostgreSQL is to run here.

    Raises SettingsError like Settings.from_environment.
    """
    host = environment.get("CLOSECAST_DATABASE_HOST")
    if not host:
        return None
    server = Managed(
        host,
        _port(environment, "CLOSECAST_DATABASE_PORT"),
        required(environment, "CLOSECAST_DATABASE_ADMINISTRATOR"),
        required(environment, "POSTGRES_SUPERUSER_PASSWORD"),
        _role_passwords(environment),
    )
    return server, (interface(environment), _port(environment, "CLOSECAST_PORT"))


def _port(environment: Mapping[str, str], name: str) -> int:
    port = required(environment, name)
    if not port.isdecimal():
        raise SettingsError(f"{name} is {port!r}, expected a port number")
    return int(port)


def _role_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """Password by role, from POSTGRES_<ROLE>_PASSWORD."""
    prefix, suffix = "POSTGRES_", "_PASSWORD"
    return {
        name.removeprefix(prefix).removesuffix(suffix).lower(): value
        for name, value in environment.items()
        if name.startswith(prefix) and name.endswith(suffix) and name != "POSTGRES_SUPERUSER_PASSWORD"
    }


def unprivileged_account() -> str:
    """The account that root's PostgreSQL runs as: the system's `postgres`, else `nobody`."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    for account in ("postgres", "nobody"):
        if account in known:
            return account
    raise SettingsError("running as root, and neither the account postgres nor nobody exists to run PostgreSQL as")
