"""Checks the settings and serves: `python -m services.api`."""

import gc
import os
import sys

from closecast.platform.settings import SettingsError
from services.api.settings import Settings


def main() -> None:
    environment = dict(os.environ)
    missing = [name for name in ("CLOSECAST_HOST", "CLOSECAST_PORT") if not environment.get(name)]
    if missing:
        sys.exit(f"api: the environment variable {missing[0]} is not set")
    host, port = environment["CLOSECAST_HOST"], environment["CLOSECAST_PORT"]
    if not port.isdecimal():
        sys.exit(f"api: CLOSECAST_PORT is {port!r}; expected a number")
    try:
        settings = Settings.from_environment(environment)
    except SettingsError as error:
        sys.exit(f"api: {error}")
    _slim()
    from services.api.server import server  # only then

    server(settings, host, int(port)).run()


def _slim() -> None:
    """A process without scikit-learn, with a collector that has little to do.

    LightGBM imports scikit-learn wherever it finds it, for an interface that is not used here, and with it half of SciPy:
    1.2 s of every start and some 60 MB of every instance. A request's objects die with their last reference; the collector
    looks for the rare cycle among them, now and then, and not among the modules and models that stay (services.api.champion).
    """
    gc.set_threshold(20_000, 20, 20)
    sys.modules["sklearn"] = None  # type: ignore[assignment] # LightGBM then does as where it is not installed


if __name__ == "__main__":
    main()
