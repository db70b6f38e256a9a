"""Settings of the PostgreSQL process, read from its environment."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingsError(ValueError):
    """The environment lacks a variable, or a value is unusable."""


# Roles without a database of their own, and the database that each may connect to. `promoter` only takes a lock there; what
# others may read and write is in closecast/platform/sql/grants.
LOGIN_ONLY_ROLES = dict.fromkeys(("promoter", "monitor", "shadow", "alerts"), "closecast")


@dataclass(frozen=True)
class Settings:
    """Address, folder, account, and passwords by role (each except LOGIN_ONLY_ROLES owns the database of its name)."""

    host: str
    port: int
    folder: Path
    superuser_password: str
    role_passwords: dict[str, str]
    account: str | None

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
        prefix, suffix = "POSTGRES_", "_PASSWORD"
        roles = {
            name.removeprefix(prefix).removesuffix(suffix).lower(): value
            for name, value in environment.items()
            if name.startswith(prefix) and name.endswith(suffix) and name != "POSTGRES_SUPERUSER_PASSWORD"
        }
        return cls(
            host=read("CLOSECAST_HOST"),
            port=int(port),
            folder=Path(read("CLOSECAST_POSTGRES_FOLDER")),
            superuser_password=read("POSTGRES_SUPERUSER_PASSWORD"),
            role_passwords=roles,
            account=unprivileged_account() if os.geteuid() == 0 else None,
        )


def unprivileged_account() -> str:
    """The account that root's PostgreSQL runs as: the system's `postgres`, else `nobody`."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    for account in ("postgres", "nobody"):
        if account in known:
            return account
    raise SettingsError("running as root, and neither the account postgres nor nobody exists to run PostgreSQL as")
