"""A fitted booster that predicts, through LightGBM's C API.

LightGBM's package imports SciPy and scikit-learn, more than a second of processor time and 100 MB of memory, which only
fitting needs. A service loads the library alone.
"""

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RAW_SCORE, FLOAT64 = 1, 1  # C_API_PREDICT_RAW_SCORE, C_API_DTYPE_FLOAT64


class BoosterError(ValueError):
    """LightGBM refused a call; the message is its own."""


class Booster:
    """A booster of LightGBM, read from its text. Safe from several threads."""

    def __init__(self, text: str) -> None:
        """Load the `text` that LightGBM wrote of a booster. Raises BoosterError when it cannot be read.

        LightGBM follows what a malicious text says out of its memory: closecast.models.trees checks one that is not known.
        """
        self.text = text
        self.handle = ctypes.c_void_p()
        self._library = ctypes.CDLL(library_path())
        rounds = ctypes.c_int()
        require(
            self._library,
            self._library.LGBM_BoosterLoadModelFromString(
                text.encode(), ctypes.byref(rounds), ctypes.byref(self.handle)
            ),
        )

    def predict(self, matrix: NDArray[np.float64], threads: int = 1) -> NDArray[np.float64]:
        """Raw scores (log-odds without the start), (n,), of a matrix (n, features) with as many features as in training.

        Raises BoosterError for a matrix of another width.
        """
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        scores = np.empty(len(rows), dtype=np.float64)
        length = ctypes.c_int64()
        require(
            self._library,
            self._library.LGBM_BoosterPredictForMat(
                self.handle,
                ctypes.c_void_p(rows.ctypes.data),
                FLOAT64,
                ctypes.c_int32(rows.shape[0]),
                ctypes.c_int32(rows.shape[1]),
                1,  # row after row
                RAW_SCORE,
                0,  # from the first round
                -1,  # to the last
                b"num_threads=%d" % threads,
                ctypes.byref(length),
                ctypes.c_void_p(scores.ctypes.data),
            ),
        )
        return scores

    def __reduce__(self) -> tuple[type["Booster"], tuple[str]]:
        return Booster, (self.text,)

    def __del__(self) -> None:
        if self.handle:
            self._library.LGBM_BoosterFree(self.handle)


@cache
def library_path() -> str:
    """The path of LightGBM's shared library. Raises ImportError where LightGBM is not installed."""
    found = find_spec("lightgbm")  # does not import it
    if found is None or found.origin is None:
        raise ImportError("lightgbm is not installed")
    return str(Path(found.origin).parent / "lib" / "lib_lightgbm.so")


def require(library: ctypes.CDLL, status: int) -> None:
    """Raise BoosterError with LightGBM's own message if a call returned another `status` than 0."""
    if status:
        library.LGBM_GetLastError.restype = ctypes.c_char_p
        raise BoosterError(library.LGBM_GetLastError().decode(errors="replace"))
