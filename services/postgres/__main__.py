"""Prepare the data folder and exec PostgreSQL: `python -m services.postgres`."""

import os
import sys

from services.postgres.cluster import Cluster
from services.postgres.settings import Settings, SettingsError


def main() -> None:
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"postgres: {error}")
    cluster = Cluster(settings)
    cluster.prepare()
    cluster.become()


if __name__ == "__main__":
    main()
