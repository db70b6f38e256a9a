"""What libraries would import because it is installed, or because it can be listed, and what is never used here.

To be imported before all else where a process of the service begins, and nowhere else, for it changes what the whole process can
import: a third of each start, and some 70 MB of each instance. A test holds the list to what it promises.
"""

import sys
import types

import numpy

# LightGBM has an interface for scikit-learn, and half of SciPy comes with that; redis counts its own doings by OpenTelemetry's
# metrics; Litestar has plugins for models of Pydantic's and attrs. Like this they do as where none of these is installed.
for _name in ("sklearn", "opentelemetry.sdk.metrics", "pydantic", "attr", "attrs"):
    sys.modules[_name] = None  # type: ignore[assignment]
# SciPy takes a copy of every name of NumPy's, the translator of Fortran among them, which would be loaded for that.
numpy.f2py = sys.modules["numpy.f2py"] = types.ModuleType("numpy.f2py")
