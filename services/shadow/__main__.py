"""Run shadow scoring: `python -m services.shadow`."""

import os
import sys

from closecast.platform.runtime import logs
from closecast.platform.runtime.health import serve
from closecast.platform.runtime.stopping import stop_event
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
    stop = stop_event()
    status = ShadowStatus()
    server = serve(settings.host, settings.port, status)
    Follower(settings, status).run(stop)
    server.shutdown()


if __name__ == "__main__":
    main()
