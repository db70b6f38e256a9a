"""Run MLflow's server as `mlflow server` does, with access control and limited outgoing connections."""

import os
import sys
from pathlib import Path

import uvicorn
from mlflow.server import fastapi_app, handlers
from sqlalchemy.exc import SQLAlchemyError

from services.listening import interface
from services.mlflow import outgoing
from services.mlflow.access_control import AccessControl, Passwords

_LOGS = Path(fastapi_app.__file__).with_name("uvicorn_log_config.yaml")


def main() -> None:
    environment = os.environ
    store, root = environment["MLFLOW_BACKEND_STORE_URI"], environment["_MLFLOW_SERVER_ARTIFACT_ROOT"]
    try:
        handlers.initialize_backend_stores(store, store, root)
    except SQLAlchemyError as error:
        sys.exit(f"mlflow: its database cannot be used: {error}")
    outgoing.limit(outgoing.Targets(Path(environment["CLOSECAST_ADDRESSES"])))
    host, port = environment["CLOSECAST_HOST"], environment["CLOSECAST_PORT"]
    passwords = Passwords(
        *(environment[f"CLOSECAST_MLFLOW_{name}"] for name in ("PASSWORD", "API_PASSWORD", "READER_PASSWORD"))
    )
    uvicorn.run(
        AccessControl(fastapi_app.app, host, port, passwords),
        host=interface(environment),
        port=int(port),
        log_config=str(_LOGS),
        # The other parser reads heads of unlimited size before the password is checked.
        http="h11",
    )


if __name__ == "__main__":
    main()
