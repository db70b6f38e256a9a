"""Tries a model in a process of its own before this one loads it: `python -m closecast.platform.mlflow.smoke_test <model> [<twin>]`.

LightGBM and Arrow are C++ and end the process on some files that were made to do so, whoever signed them. A model that has
been tried on this machine with these libraries by this account is not tried again.
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

_SECONDS = 180  # of the clock: beside busy neighbours
_CPU_SECONDS = 90  # a million deals take 20
_MEMORY = 2_500_000_000  # bytes of memory: a million deals take a third
_REFUSED = 3  # exit status of a model that says itself what is wrong with it
_ROWS = 200  # of made-up features, beside the golden rows
# What the child needs of its parent's environment, which holds secrets.
_HANDED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSAFEPATH", "PYTHONDONTWRITEBYTECODE", "LANG", "TMPDIR")
_LIBRARIES = ("lightgbm", "numpy", "pandas", "pyarrow")


def run(folder: Path, twin: Path | None = None, marker: Path | None = None) -> None:
    """Have another process load the model in `folder`, replay its golden rows and predict; and load its evaluation `twin`.

    `marker` is a file that tells that it was tried, and is written when it was. Raises ModelError with what is wrong with the
    model, or with how it ended the process.
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
            "malformed, or it takes more memory or time than a model may; this process was spared and has not loaded it"
        )
    if done.returncode:
        raise ModelError(f"the process that tried the model failed with status {done.returncode}: {output[0][:500]}")
    if marker is not None:
        write_whole(marker, passed)


def _passed(folder: Path) -> str:
    """What has passed, when `folder` has: this manifest, with these libraries."""
    libraries = " ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return f"{digest(folder)} {libraries} {platform.machine()}"


def _is_marked(marker: Path, passed: str) -> bool:
    """Another account's word counts for nothing."""
    try:
        with marker.open() as opened:
            owner = os.fstat(opened.fileno())
            return owner.st_uid == os.geteuid() and not owner.st_mode & 0o022 and opened.read(2_000) == passed
    except OSError:
        return False  # it is tried once more, which costs a second or two


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _try(folder: Path, twin: Path | None) -> None:
    """Raises ModelError. Whatever a service does with a model is done once."""
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
            raise ModelError("it answers what is no probability")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    os.nice(5)  # whoever is served goes first
    sys.modules["sklearn"] = None  # type: ignore[assignment]  # LightGBM's interface for it takes half of the start
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
