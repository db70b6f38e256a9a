"""What Granian loads: the application, in a process without scikit-learn.

LightGBM imports scikit-learn wherever it finds it, for an interface that is not used here, and with it half of SciPy:
1.2 s of every start and some 60 MB of every instance.
"""

import sys

sys.modules["sklearn"] = None  # type: ignore[assignment] # LightGBM then does as where it is not installed

from services.api.app import create_app  # noqa: E402 - only then

__all__ = ["create_app"]
