"""Checks the settings and becomes the server: `python -m services.api`."""

import os
import sys
from pathlib import Path

from closecast.platform.settings import SettingsError
from services.api.settings import Settings


def command(environment: dict[str, str]) -> list[str]:
    """Granian's command line: one worker, which an instance's port and memory are sized for; Nomad adds instances."""
    return [
        str(Path(sys.executable).with_name("granian")),
        "--interface", "asgi",
        "--factory",
        "--host", environment["CLOSECAST_HOST"],
        "--port", environment["CLOSECAST_PORT"],
        "--workers", "1",
        "--no-ws",
        "--respawn-failed-workers",
        # A request that is being answered when Nomad stops the instance is answered to its end.
        "--workers-kill-timeout", "8",
        "--log-level", "warning",
        "services.api.server:create_app",
    ]  # fmt: skip


def main() -> None:
    environment = dict(os.environ)
    missing = [name for name in ("CLOSECAST_HOST", "CLOSECAST_PORT") if not environment.get(name)]
    if missing:
        sys.exit(f"api: the environment variable {missing[0]} is not set")
    try:
        Settings.from_environment(environment)
    except SettingsError as error:
        sys.exit(f"api: {error}")
    arguments = command(environment)
    os.execve(arguments[0], arguments, environment)


if __name__ == "__main__":
    main()
