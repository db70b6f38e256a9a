"""Write the configuration and exec Alertmanager: `python -m services.alertmanager`."""

import os
import sys
from pathlib import Path
from typing import Any

import bcrypt
import msgspec

USER = "closecast"
_NEEDED = (
    "CLOSECAST_HOST",
    "CLOSECAST_PORT",
    "CLOSECAST_ALERTMANAGER",
    "CLOSECAST_ALERTMANAGER_FOLDER",
    "CLOSECAST_ALERTMANAGER_PASSWORD",
    "CLOSECAST_ALERTMANAGER_TOKEN",
    "CLOSECAST_ALERTS_RECEIVER",
    "CLOSECAST_CONFIGURATION",
)
_SECRET = ("CLOSECAST_ALERTMANAGER_PASSWORD", "CLOSECAST_ALERTMANAGER_TOKEN")
_RETENTION = "120h"
_MEMORY = "64MiB"


def configuration(receiver: str, token: Path) -> dict[str, Any]:
    """Alertmanager's configuration: one receiver, the service `alerts`, which knows the sinks.

    It is sent what is open every five minutes, so that the watchdog is heard; the outbox tells of each alert once.
    """
    return {
        "route": {
            "receiver": "alerts",
            "group_by": ["alertname"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "5m",
        },
        "receivers": [
            {
                "name": "alerts",
                "webhook_configs": [
                    {
                        "url": receiver,
                        "send_resolved": True,
                        "http_config": {
                            "authorization": {"type": "Bearer", "credentials_file": str(token)},
                            "follow_redirects": False,
                        },
                    }
                ],
            }
        ],
    }


def web_configuration(password: str) -> dict[str, Any]:
    """Who may ask: the user, by a bcrypt hash. The password is random, and too long to be guessed."""
    return {"basic_auth_users": {USER: bcrypt.hashpw(password.encode(), bcrypt.gensalt(6)).decode()}}


def main() -> None:
    environment = dict(os.environ)
    if missing := [name for name in _NEEDED if not environment.get(name)]:
        sys.exit(f"alertmanager: the environment variable {missing[0]} is not set")
    folder, data = Path(environment["CLOSECAST_CONFIGURATION"]), Path(environment["CLOSECAST_ALERTMANAGER_FOLDER"])
    data.mkdir(parents=True, exist_ok=True)
    token = folder / "alerts.token"
    for file, content in {
        token: environment["CLOSECAST_ALERTMANAGER_TOKEN"].encode(),
        folder / "alertmanager.yml": msgspec.yaml.encode(
            configuration(environment["CLOSECAST_ALERTS_RECEIVER"], token)
        ),
        folder / "web.yml": msgspec.yaml.encode(web_configuration(environment["CLOSECAST_ALERTMANAGER_PASSWORD"])),
    }.items():
        file.touch(mode=0o600)
        file.write_bytes(content)
    command = [
        environment["CLOSECAST_ALERTMANAGER"],
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--web.config.file={folder / 'web.yml'}",
        f"--web.listen-address={environment['CLOSECAST_HOST']}:{environment['CLOSECAST_PORT']}",
        "--cluster.listen-address=",
        f"--storage.path={data}",
        f"--data.retention={_RETENTION}",
        "--log.level=warn",
    ]
    kept = {name: value for name, value in environment.items() if name not in _SECRET}
    os.execve(command[0], command, {**kept, "GOMEMLIMIT": _MEMORY})


if __name__ == "__main__":
    main()
