"""Wait for the database and exec MLflow's server: `python -m services.mlflow`."""

import os
import sys
import uuid
from urllib.parse import urlsplit

from closecast.platform.nomad.discovery import NotAnsweringError, wait_for

_REQUIRED = (
    "CLOSECAST_HOST",
    "CLOSECAST_PORT",
    "CLOSECAST_ARTIFACTS_BUCKET",
    "CLOSECAST_ADDRESSES",
    "CLOSECAST_MLFLOW_PASSWORD",
    "CLOSECAST_MLFLOW_API_PASSWORD",
    "CLOSECAST_MLFLOW_READER_PASSWORD",
    "MLFLOW_BACKEND_STORE_URI",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY",
)
# Webhooks of moved aliases go to an API instance's private address without TLS; they are signed. A changed webhook is used
# within a second, and one whose instance is gone blocks nothing.
WEBHOOKS = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_CACHE_TTL": "1",
    "MLFLOW_WEBHOOK_REQUEST_TIMEOUT": "5",
}


def settings(environment: dict[str, str]) -> dict[str, str]:
    """MLflow's own settings; the first ones are those that `mlflow server` passes to its server processes."""
    return {
        "_MLFLOW_SERVER_FILE_STORE": environment["MLFLOW_BACKEND_STORE_URI"],
        "_MLFLOW_SERVER_REGISTRY_STORE": environment["MLFLOW_BACKEND_STORE_URI"],
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"s3://{environment['CLOSECAST_ARTIFACTS_BUCKET']}/mlflow",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        # These mark the process as a server, in which MLflow never runs stored code.
        "_MLFLOW_SERVER_BOOT_ID": uuid.uuid4().hex,
        "_MLFLOW_IN_JOB_EXECUTOR": "false",
        # MLflow's job runner would start eight more processes, for features that Closecast does not use.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **WEBHOOKS,
    }


def command() -> list[str]:
    """The server's command line; passwords stay in the environment."""
    return [sys.executable, "-m", "services.mlflow.server"]


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
    environment |= settings(environment)
    arguments = command()
    os.execve(arguments[0], arguments, environment)


if __name__ == "__main__":
    main()
