"""Smoke-test a model in another process before it is loaded:

`python -m closecast.platform.mlflow.smoke_test <model> [<twin>]`.

LightGBM and Arrow are C++ and crash the process on malicious files, whoever signed them. A model that has passed on
this machine with these libraries under this account is not tested again.
"""

import os
import platform
import resource
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from closecast.models.manifest import ModelError, digest
from closecast.platform.runtime.files import write_whole

_SECONDS = 180  # wall clock: other processes may be busy
_CPU_SECONDS = 90  # a million deals take 20
_MEMORY = 2_500_000_000  # bytes of memory: a million deals take a third
_REFUSED = 3  # exit status when the model raised a readable error
_ROWS = 200  # of random features, besides the golden rows
# Variables passed to the child: the parent's environment holds secrets.
_HANDED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSAFEPATH", "PYTHONDONTWRITEBYTECODE", "LANG", "TMPDIR")
_LIBRARIES = ("lightgbm", "numpy", "pandas", "pyarrow")


def run(folder: Path, twin: Path | None = None, marker: Path | None = None) -> None:
    """Have another process load the model in `folder`, replay its golden rows and predict, and load its evaluation `twin`.

    The file `marker` records that the model has passed. Raises ModelError with what is wrong with the model, or how the
    process ended.
    """
    passed = _passed(folder)
    if marker is not None and _is_marked(marker, passed):
        return
    folders = [str(one) for one in (folder, twin) if one is not None]
    command = [sys.executable, "-m", "closecast.platform.mlflow.smoke_test", *folders]
    environment = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    try:
        done = subprocess.run(
            command,
            env={**environment, "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"the process that tried the model did not end within {_SECONDS} s") from error
    output = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
    if done.returncode == _REFUSED:
        raise ModelError(output[0])
    if done.returncode < 0:
        raise ModelError(
            f"the process that tried the model was ended by {_signal(-done.returncode)} ({output[0][:200]}): a file of it is "
            "malformed, or it takes more memory or time than allowed; this process has not loaded it"
        )
    if done.returncode:
        raise ModelError(f"the process that tried the model failed with status {done.returncode}: {output[0][:500]}")
    if marker is not None:
        write_whole(marker, passed)


def _passed(folder: Path) -> str:
    """The content of a marker for `folder`: its manifest's hash and the libraries' versions."""
    libraries = " ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return f"{digest(folder)} {libraries} {platform.machine()}"


def _is_marked(marker: Path, passed: str) -> bool:
    """Whether `marker`, written by this account, says that the model has passed."""
    try:
        with marker.open() as opened:
            owner = os.fstat(opened.fileno())
            return owner.st_uid == os.geteuid() and not owner.st_mode & 0o022 and opened.read(2_000) == passed
    except OSError:
        return False  # test again, which costs a second or two


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _try(folder: Path, twin: Path | None) -> None:
    """Load the model and use it as a service does. Raises ModelError."""
    import numpy as np

    from closecast import features
    from closecast.models.deal_model import DealModel
    from closecast.models.scorer import Scorer

    model = DealModel.load(folder)
    model.replay(folder)
    rows = np.random.default_rng(0).uniform(-10, 400, size=(_ROWS, len(features.NAMES)))
    for scorer in [model.scorer] + ([] if twin is None else [Scorer.load(twin)]):
        found = scorer.predict(rows)
        if not ((found >= 0) & (found <= 1)).all():
            raise ModelError("it predicts a value that is not a probability")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    os.nice(5)  # requests go first
    try:
        _try(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    except ModelError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        sys.exit(_REFUSED)
    except MemoryError:
        print(f"it takes more than {_MEMORY // 1_000_000} MB of memory", file=sys.stderr)
        sys.exit(_REFUSED)


if __name__ == "__main__":
    main()
