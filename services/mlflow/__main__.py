"""Waits for its database and becomes MLflow's server: `python -m services.mlflow`."""

import os
import sys
from urllib.parse import urlsplit

from closecast.platform.discovery import NotAnsweringError, wait_for

_REQUIRED = ("CLOSECAST_HOST", "CLOSECAST_PORT", "CLOSECAST_ARTIFACTS_BUCKET", "MLFLOW_BACKEND_STORE_URI")


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
    environment |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    arguments = command(environment)
    os.execve(arguments[0], arguments, environment)


if __name__ == "__main__":
    main()
