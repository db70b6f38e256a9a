"""Scores one Parquet file in a process of its own, which a damaged file may end: `python -m services.score.guard`."""

import os
import signal
import subprocess
import sys

# What Arrow's readers end with on some damaged files. SIGKILL is not among them: that is the system, short of memory.
_BY_THE_FILE = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)


def main() -> None:
    status = subprocess.run([sys.executable, "-m", "services.score"], check=False).returncode
    if -status in _BY_THE_FILE:
        _refuse(f"reading the input ended the process with {signal.Signals(-status).name}: the file is damaged")
    elif status:
        sys.exit(status if status > 0 else 128 - status)


def _refuse(reason: str) -> None:
    # Imported here: only the file that ends its reader pays for it.
    from closecast.platform import scoring_run
    from closecast.platform.lake import Lake
    from closecast.platform.settings import LakeSettings, required

    target = required(os.environ, "CLOSECAST_TARGET")
    instance = required(os.environ, "NOMAD_JOB_ID")
    scoring_run.refuse(Lake(LakeSettings.from_environment(os.environ)), target, instance, reason)
    print(f"score: {os.environ['CLOSECAST_SOURCE']} is refused: {reason}", flush=True)


if __name__ == "__main__":
    main()
