"""What libraries would import because it is installed, or because it can be listed, and what is never used here.

To be imported before all else by what starts a process: a second of each start, and some 60 MB of each instance. A test
holds the list to what it promises.
"""

import sys
import types

import numpy

# LightGBM has an interface for the first, and half of SciPy comes with it; redis counts its own doings by the other. None of
# both is called here; like this they do as where it is not installed.
for _name in ("sklearn", "opentelemetry.sdk.metrics"):
    sys.modules[_name] = None  # type: ignore[assignment]
# SciPy takes a copy of every name of NumPy's, the translator of Fortran among them, which would be loaded for that.
numpy.f2py = sys.modules["numpy.f2py"] = types.ModuleType("numpy.f2py")
