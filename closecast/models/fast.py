"""Predict single rows with LightGBM's single-row fast C call, prepared once per thread."""

import ctypes
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closecast import features
from closecast.models.booster import FLOAT64, RAW_SCORE, Booster, BoosterError, library_path, require
from closecast.models.scorer import Scorer

_WIDTH = len(features.NAMES)
_ROW_BYTES = _WIDTH * 8
_PROBE_ROWS = 16


class FastScorer:
    """`Scorer.predict` for a few rows at a time, in microseconds. Not thread-safe: make one per thread.

    `fallback` is None where the C call serves; else it says why every row goes through `Scorer.predict` instead: the
    LightGBM at hand has no such call, or answered the probe with other bits.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._call: Any = None
        self.fallback: str | None = None
        try:
            self._prepare(scorer.booster)
        except (AttributeError, OSError, BoosterError) as error:
            self.fallback = f"LightGBM {version('lightgbm')} has no usable single-row call: {error}"
            return
        probe = np.random.default_rng(0).uniform(-10, 400, size=(_PROBE_ROWS, _WIDTH)).tobytes()
        if self._raw(probe) != self._reference(probe):
            self.fallback = f"LightGBM {version('lightgbm')} answers single rows differently from many"

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities in 0..1, (n,), of a C-contiguous float64 matrix (n, len(NAMES)): bit-identical to `Scorer.predict`.

        Raises ValueError for a matrix of another shape or layout.
        """
        if matrix.ndim != 2 or matrix.shape[1] != _WIDTH or matrix.dtype != np.float64 or not matrix.flags.c_contiguous:
            raise ValueError(
                f"expected a C-contiguous float64 matrix of {_WIDTH} features, got {matrix.dtype} {matrix.shape}"
            )
        return np.array(
            self.predict_started(matrix.tobytes(), self._scorer.start.odds(matrix[:, features.WIN_CHANCE]).tolist()),
            dtype=np.float64,
        )

    def predict_started(self, rows: bytes, starts: list[float]) -> list[float]:
        """Predict consecutive float64 rows whose initial log-odds are known. The input is not checked."""
        raw = self._raw(rows) if self.fallback is None else self._reference(rows)
        return self._scorer.calibration.apply_few(list(map(float.__add__, raw, starts)))

    def _prepare(self, booster: Booster) -> None:
        # PyDLL keeps the interpreter's lock: releasing and acquiring it costs more than predicting a row.
        library = ctypes.PyDLL(library_path())
        handle = ctypes.c_void_p()
        status = library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster.handle,
            ctypes.c_int(RAW_SCORE),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            ctypes.c_int(FLOAT64),
            ctypes.c_int32(_WIDTH),
            ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(handle),
        )
        require(library, status)
        self._library, self._handle = library, handle
        # Every argument is a ctypes pointer made once: making one from a number takes as long as a few trees.
        self._prepared = ctypes.byref(ctypes.c_char.from_address(handle.value or 0))
        self._length = ctypes.byref(ctypes.c_int64())
        self._call = library.LGBM_BoosterPredictForMatSingleRowFast
        self._make_room(_PROBE_ROWS)

    def _raw(self, rows: bytes) -> list[float]:
        count = len(rows) // _ROW_BYTES
        if count > len(self._slots):
            self._make_room(count)
        self._room[: len(rows)] = rows
        call, prepared, length = self._call, self._prepared, self._length
        for row, score in self._slots[:count]:
            if status := call(prepared, row, length, score):
                require(self._library, status)
        return self._scores[:count]

    def _make_room(self, rows: int) -> None:
        """Allocate fixed buffers for `rows` rows and their scores, and pointers to each of them."""
        buffer, scores = (ctypes.c_char * (rows * _ROW_BYTES))(), (ctypes.c_double * rows)()
        self._room, self._scores = memoryview(buffer).cast("B"), scores
        self._slots = [(ctypes.byref(buffer, row * _ROW_BYTES), ctypes.byref(scores, row * 8)) for row in range(rows)]

    def _reference(self, rows: bytes) -> list[float]:
        matrix = np.frombuffer(rows).reshape(-1, _WIDTH)
        found: list[float] = self._scorer.booster.predict(matrix).tolist()
        return found

    def __del__(self) -> None:
        if self._call is not None:
            self._library.LGBM_FastConfigFree(self._handle)
