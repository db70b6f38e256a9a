"""Write the configuration and exec Prometheus: `python -m services.prometheus`."""

import sys
from pathlib import Path
from typing import Any

import msgspec

from closecast.platform.alerts.prometheus import rule_file
from closecast.platform.alerts.rules import RulesError, load
from services.listening import interface
from services.metrics_program import USER, become, settings, web_configuration

SCRAPED = ("api", "journal", "alerts")
_NEEDED = (
    "CLOSECAST_HOST",
    "CLOSECAST_PORT",
    "CLOSECAST_PROMETHEUS",
    "CLOSECAST_PROMETHEUS_FOLDER",
    "CLOSECAST_PROMETHEUS_PASSWORD",
    "CLOSECAST_ALERTMANAGER_PASSWORD",
    "CLOSECAST_ALERT_RULES",
    "CLOSECAST_CONFIGURATION",
)
_SECRET = ("CLOSECAST_PROMETHEUS_PASSWORD", "CLOSECAST_ALERTMANAGER_PASSWORD")
# A week ago is compared with; a few hundred series take some megabytes.
_RETENTION, _RETENTION_SIZE = "15d", "512MB"
_MEMORY = "192MiB"


def configuration(folder: Path, rules: Path, password: Path) -> dict[str, Any]:
    """Prometheus's configuration: Nomad writes the targets of each service to `<service>.targets.yml` in `folder`."""

    def targets(service: str) -> list[dict[str, Any]]:
        return [{"files": [str(folder / f"{service}.targets.yml")], "refresh_interval": "30s"}]

    return {
        "global": {"scrape_interval": "15s", "scrape_timeout": "10s", "evaluation_interval": "15s"},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {
                "job_name": service,
                "follow_redirects": False,
                "sample_limit": 20_000,
                "file_sd_configs": targets(service),
            }
            for service in SCRAPED
        ],
        "alerting": {
            "alertmanagers": [
                {
                    "basic_auth": {"username": USER, "password_file": str(password)},
                    "follow_redirects": False,
                    "file_sd_configs": targets("alertmanager"),
                }
            ]
        },
    }


def main() -> None:
    environment = settings("prometheus", _NEEDED)
    folder, data = Path(environment["CLOSECAST_CONFIGURATION"]), Path(environment["CLOSECAST_PROMETHEUS_FOLDER"])
    data.mkdir(parents=True, exist_ok=True)
    rules, password = folder / "rules.yml", folder / "alertmanager.password"
    try:
        files = {
            rules: rule_file(load(Path(environment["CLOSECAST_ALERT_RULES"]))),
            password: environment["CLOSECAST_ALERTMANAGER_PASSWORD"].encode(),
            folder / "prometheus.yml": msgspec.yaml.encode(configuration(folder, rules, password)),
            folder / "web.yml": msgspec.yaml.encode(web_configuration(environment["CLOSECAST_PROMETHEUS_PASSWORD"])),
        }
    except RulesError as error:
        sys.exit(f"prometheus: {error}")
    command = [
        environment["CLOSECAST_PROMETHEUS"],
        f"--config.file={folder / 'prometheus.yml'}",
        f"--web.config.file={folder / 'web.yml'}",
        f"--web.listen-address={interface(environment)}:{environment['CLOSECAST_PORT']}",
        f"--storage.tsdb.path={data}",
        f"--storage.tsdb.retention.time={_RETENTION}",
        f"--storage.tsdb.retention.size={_RETENTION_SIZE}",
        "--log.level=warn",
    ]
    become(command, files, environment, _SECRET, _MEMORY)


if __name__ == "__main__":
    main()
