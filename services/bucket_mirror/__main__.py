"""Run LocalStack's companion: `python -m services.bucket_mirror`."""

import os
import signal
import sys

from closecast.platform.runtime import logs
from services.bucket_mirror.companion import Companion
from services.bucket_mirror.health import serve
from services.bucket_mirror.settings import Settings, SettingsError


def main() -> None:
    logs.configure()
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"companion: {error}")
    companion = Companion(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: companion.stop())
    server = serve(settings.host, settings.port, companion.state, companion.flush)
    companion.run()
    server.shutdown()


if __name__ == "__main__":
    main()
