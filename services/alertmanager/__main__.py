"""Write the configuration and exec Alertmanager: `python -m services.alertmanager`."""

from pathlib import Path
from typing import Any

import msgspec

from services.listening import interface
from services.metrics_program import become, settings, web_configuration

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


def main() -> None:
    environment = settings("alertmanager", _NEEDED)
    folder, data = Path(environment["CLOSECAST_CONFIGURATION"]), Path(environment["CLOSECAST_ALERTMANAGER_FOLDER"])
    data.mkdir(parents=True, exist_ok=True)
    token = folder / "alerts.token"
    files = {
        token: environment["CLOSECAST_ALERTMANAGER_TOKEN"].encode(),
        folder / "alertmanager.yml": msgspec.yaml.encode(
            configuration(environment["CLOSECAST_ALERTS_RECEIVER"], token)
        ),
        folder / "web.yml": msgspec.yaml.encode(web_configuration(environment["CLOSECAST_ALERTMANAGER_PASSWORD"])),
    }
    command = [
        environment["CLOSECAST_ALERTMANAGER"],
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--web.config.file={folder / 'web.yml'}",
        f"--web.listen-address={interface(environment)}:{environment['CLOSECAST_PORT']}",
        "--cluster.listen-address=",
        f"--storage.path={data}",
        f"--data.retention={_RETENTION}",
        "--log.level=warn",
    ]
    become(command, files, environment, _SECRET, _MEMORY)


if __name__ == "__main__":
    main()
