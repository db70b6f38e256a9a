"""Wait for dependencies and exec Prefect: `python -m services.prefect server` or `… worker`."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from closecast.platform.nomad.discovery import NotAnsweringError, wait_for
from services.access_control import allowed_hosts
from services.listening import interface
from services.prefect.run_processes import WORKER_VARIABLE

_REQUIRED = {
    "server": (
        "CLOSECAST_HOST",
        "CLOSECAST_PORT",
        "PREFECT_HOME",
        "PREFECT_API_DATABASE_CONNECTION_URL",
        "PREFECT_SERVER_API_AUTH_STRING",
    ),
    "worker": (
        "CLOSECAST_HOST",
        "CLOSECAST_PORT",
        "PREFECT_HOME",
        "PREFECT_API_URL",
        "PREFECT_API_AUTH_STRING",
        "MLFLOW_TRACKING_URI",
        "AWS_ENDPOINT_URL_S3",
    ),
}


def needs(role: str, environment: dict[str, str]) -> list[str]:
    """Addresses that must answer before `role` can start."""
    if role == "worker":
        return [f"{environment['PREFECT_API_URL']}/health"]
    database = urlsplit(environment["PREFECT_API_DATABASE_CONNECTION_URL"])
    return [f"tcp://{database.hostname}:{database.port}"]


def command(role: str) -> list[str]:
    """The command line of `role`."""
    return [sys.executable, "-m", f"services.prefect.{role}"]


def settings(role: str, environment: dict[str, str]) -> dict[str, str]:
    """Prefect's own settings for `role`."""
    common = {"PREFECT_CLI_PROMPT": "false", "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    if role == "server":
        host, port = environment["CLOSECAST_HOST"], environment["CLOSECAST_PORT"]
        address = f"http://{host}:{port}/api"
        return {
            **common,
            "PREFECT_UI_API_URL": address,
            "PREFECT_API_URL": address,
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
            # By default pages of every site may send requests.
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(f"http://{name}" for name in allowed_hosts(host, port)),
            # A busy machine's database is slow, not broken: by default a service gives up after 10 s, connecting after 5.
            "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
            "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
            # By default they are kept in memory, and a restart would take every concurrency slot from its run.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        }
    return {
        **common,
        WORKER_VARIABLE: environment["PREFECT_HOME"],
        "PREFECT_WORKER_WEBSERVER_HOST": interface(environment),
        "PREFECT_WORKER_WEBSERVER_PORT": environment["CLOSECAST_PORT"],
        # Short, because a user who has just submitted a run waits for this poll.
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        # Prefect uses one folder of the temporary directory, and cannot use one that another user created.
        "TMPDIR": str(Path(environment["PREFECT_HOME"]) / "tmp"),
    }


def main() -> None:
    role = sys.argv[1] if len(sys.argv) == 2 else ""
    if role not in _REQUIRED:
        sys.exit("usage: python -m services.prefect server|worker")
    environment = dict(os.environ)
    missing = [name for name in _REQUIRED[role] if not environment.get(name)]
    if missing:
        sys.exit(f"prefect {role}: the environment variable {missing[0]} is not set")
    try:
        for address in needs(role, environment):
            wait_for(address)
    except NotAnsweringError as error:
        sys.exit(f"prefect {role}: {error}")
    environment |= settings(role, environment)
    Path(environment["PREFECT_HOME"], "tmp").mkdir(parents=True, exist_ok=True)
    if role == "worker" and environment.get("CLOSECAST_REGISTERS_FLOWS") == "true":
        # The flows of the image that this is: elsewhere `just up` registers those of the clone.
        code = Path(__file__).parents[2]
        done = subprocess.run([sys.executable, "-m", "flows.deployments"], cwd=code, env=environment, check=False)
        if done.returncode:
            sys.exit("prefect worker: the flows could not be registered")
    arguments = command(role)
    os.execve(arguments[0], arguments, environment)


if __name__ == "__main__":
    main()
