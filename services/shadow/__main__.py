"""Run shadow scoring: `python -m services.shadow`."""

import os
import signal
import sys
import threading

from closecast.platform.runtime import logs
from closecast.platform.runtime.health import serve
from closecast.platform.settings import SettingsError
from services.shadow.follower import Follower
from services.shadow.settings import Settings
from services.shadow.status import ShadowStatus

_NICENESS = 10  # what answers requests and records them goes first


def main() -> None:
    logs.configure()
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"shadow: {error}")
    os.nice(_NICENESS)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    status = ShadowStatus()
    server = serve(settings.host, settings.port, status)
    Follower(settings, status).run(stop)
    server.shutdown()


if __name__ == "__main__":
    main()
