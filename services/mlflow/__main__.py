"""Waits for its database and becomes MLflow's server: `python -m services.mlflow`."""

import os
import sys
from urllib.parse import urlsplit

from closecast.platform.discovery import NotAnsweringError, wait_for

_REQUIRED = (
    "CLOSECAST_HOST",
    "CLOSECAST_PORT",
    "CLOSECAST_ARTIFACTS_BUCKET",
    "MLFLOW_BACKEND_STORE_URI",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY",
)
# Word of a moved alias goes to an instance of the API, by its private address and, inside, without TLS: it is signed. A webhook
# that was moved is known a second later, and one whose instance is gone holds nobody up.
WEBHOOKS = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_CACHE_TTL": "1",
    "MLFLOW_WEBHOOK_REQUEST_TIMEOUT": "5",
}


def command(environment: dict[str, str]) -> list[str]:
    """The server's command line; the database's address, which holds a password, stays in the environment."""
    return [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        environment["CLOSECAST_HOST"],
        "--port",
        environment["CLOSECAST_PORT"],
        "--workers",
        "1",
        "--serve-artifacts",
        "--artifacts-destination",
        f"s3://{environment['CLOSECAST_ARTIFACTS_BUCKET']}/mlflow",
    ]


def main() -> None:
    environment = dict(os.environ)
    missing = [name for name in _REQUIRED if not environment.get(name)]
    if missing:
        sys.exit(f"mlflow: the environment variable {missing[0]} is not set")
    database = urlsplit(environment["MLFLOW_BACKEND_STORE_URI"])
    try:
        wait_for(f"tcp://{database.hostname}:{database.port}")
    except NotAnsweringError as error:
        sys.exit(f"mlflow: its database is not there: {error}")
    # MLflow's job runner would start eight more processes, for features that Closecast does not use.
    environment |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", **WEBHOOKS}
    arguments = command(environment)
    os.execve(arguments[0], arguments, environment)


if __name__ == "__main__":
    main()
