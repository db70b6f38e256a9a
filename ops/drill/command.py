"""The command `restore-drill`."""

import tempfile
from pathlib import Path

from ops.cli.arguments import nothing
from ops.cli.progress import step
from ops.drill import databases, objects
from ops.nomad import jobs
from ops.nomad.session import connect
from ops.setup.credentials import REGION


def restore_drill(arguments: list[str]) -> int:
    """Dump the databases and buckets of the running platform, restore them elsewhere, and compare. Nothing of it changes."""
    nothing("restore-drill", restore_drill.__doc__, arguments)
    session = connect()
    credentials = session.credentials
    with tempfile.TemporaryDirectory(prefix="closecast-drill-") as made:
        folder = Path(made)
        folder.chmod(0o755)  # root's PostgreSQL runs as an account that must reach its own folder below
        dumps = folder / "dumps"
        dumps.mkdir(mode=0o700)
        with step("databases dumped"):
            server = databases.Server(
                jobs.address(session.cluster, "postgres").removeprefix("postgresql://"), credentials.postgres_password
            )
            dumped = databases.dump(server, dumps)
        with databases.fresh(folder / "postgres", databases.roles(server)) as elsewhere:
            with step("databases restored into a fresh PostgreSQL"):
                databases.restore(elsewhere, dumped)
            with step("databases compared, row by row"):
                rows = databases.compare(elsewhere, dumped)
        store = objects.Store(
            jobs.address(session.cluster, "localstack"),
            credentials.object_store_access_key,
            credentials.object_store_secret_key,
            REGION,
        )
        with step("buckets copied, restored into a fresh object store and compared"):
            count = objects.drill(store, folder)
    print(f"{len(dumped)} databases with {rows:,} rows and {count:,} objects came back as they were")
    return 0
