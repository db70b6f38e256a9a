"""Prepare the data folder and exec PostgreSQL: `python -m services.postgres`.

With CLOSECAST_DATABASE_HOST the server is somebody else's: then its roles and databases are made, and it is watched.
"""

import os
import sys

import psycopg

from closecast.platform.runtime import logs
from closecast.platform.settings import SettingsError
from services.postgres import managed
from services.postgres.cluster import Cluster
from services.postgres.settings import Settings, managed_settings


def main() -> None:
    try:
        elsewhere = managed_settings(os.environ)
        settings = None if elsewhere else Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"postgres: {error}")
    if settings is not None:
        cluster = Cluster(settings)
        cluster.prepare()
        cluster.become()
    elif elsewhere is not None:
        logs.configure()
        server, listen_on = elsewhere
        try:
            server.prepare()
        except psycopg.Error as error:
            sys.exit(f"postgres: {server.host} does not let its roles be made: {' '.join(str(error).split())}")
        managed.watch(server, listen_on)


if __name__ == "__main__":
    main()
