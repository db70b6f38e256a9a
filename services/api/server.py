"""What Granian loads: the application, in a process without scikit-learn and with a collector that has little to do.

LightGBM imports scikit-learn wherever it finds it, for an interface that is not used here, and with it half of SciPy:
1.2 s of every start and some 60 MB of every instance. A request's objects die with their last reference; the collector looks
for the rare cycle among them, now and then, and not among the modules and models that stay (services.api.champion).
"""

import gc
import sys

gc.set_threshold(20_000, 20, 20)

sys.modules["sklearn"] = None  # type: ignore[assignment] # LightGBM then does as where it is not installed

from services.api.app import create_app  # noqa: E402 - only then

__all__ = ["create_app"]
