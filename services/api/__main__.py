"""Run an instance of the API: `python -m services.api`."""

import contextlib
import gc
import os
import sys

# Imported modules stay: the garbage collector would scan them repeatedly, 0.3 s in all.
gc.disable()

from closecast.platform.runtime import logs  # noqa: E402 - only then
from closecast.platform.runtime.scheduling import disable_preemption  # noqa: E402 - only then
from closecast.platform.settings import SettingsError  # noqa: E402
from services.api.server import server  # noqa: E402
from services.api.settings import Settings  # noqa: E402
from services.listening import interface  # noqa: E402


def main() -> None:
    environment = dict(os.environ)
    missing = [name for name in ("CLOSECAST_HOST", "CLOSECAST_PORT") if not environment.get(name)]
    if missing:
        sys.exit(f"api: the environment variable {missing[0]} is not set")
    port = environment["CLOSECAST_PORT"]
    if not port.isdecimal():
        sys.exit(f"api: CLOSECAST_PORT is {port!r}; expected a number")
    try:
        settings = Settings.from_environment(environment)
    except SettingsError as error:
        sys.exit(f"api: {error}")
    disable_preemption()  # until the event loop's own thread takes requests (services.api.app)
    logs.configure(in_background=True)
    # A request's objects are freed by reference counting; the collector rarely has to search for cycles among them,
    # and not among the modules and models that stay (services.api.serving.champion).
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    # Once it has stopped, uvicorn raises the signal that it stopped for anew; Nomad's is SIGINT. That is no failure.
    with contextlib.suppress(KeyboardInterrupt):
        server(settings, interface(environment), int(port)).run()


if __name__ == "__main__":
    main()
