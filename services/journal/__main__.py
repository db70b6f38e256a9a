"""Run the journal: `python -m services.journal`."""

import os
import sys
import threading

from closecast.platform.lake.store import Lake
from closecast.platform.runtime import logs
from closecast.platform.runtime.health import serve
from closecast.platform.runtime.stopping import stop_event
from closecast.platform.settings import SettingsError
from services.journal.archiver import Archiver
from services.journal.consumer import Consumer
from services.journal.settings import Settings
from services.journal.status import JournalStatus

_LAST_FILE_SECONDS = 8.0
# Storing often waits for the database and the cache; after each wait, a thread that writes a file would delay it by the
# default 5 ms.
_TURN_SECONDS = 0.0005


def main() -> None:
    logs.configure()
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"journal: {error}")
    sys.setswitchinterval(_TURN_SECONDS)
    stop = stop_event()
    journal_status = JournalStatus()
    server = serve(settings.host, settings.port, journal_status)
    archiver = Archiver(
        settings.database,
        Lake(settings.lake),
        settings.archive_rows,
        settings.archive_age,
        settings.kept,
        journal_status,
    )
    # A file that is incomplete when the process ends is written again by the next one.
    archiving = threading.Thread(target=archiver.run, args=[stop], name="archiver", daemon=True)
    archiving.start()
    Consumer(settings.cache, settings.database, settings.consumer, journal_status).run(stop)
    archiving.join(_LAST_FILE_SECONDS)
    server.shutdown()


if __name__ == "__main__":
    main()
