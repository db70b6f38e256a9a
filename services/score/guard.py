"""Score one Parquet file in a child process, which a damaged file may crash: `python -m services.score.guard`.

The child is also stopped once its flow has ended.
"""

import logging
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from closecast.platform.runtime import logs

_LOG = logging.getLogger("services.score.guard")  # it is run as __main__

if TYPE_CHECKING:
    from closecast.platform.lake.store import Lake

_LONG_SECONDS = 15.0
# Signals of crashes in Arrow's readers on damaged files. SIGKILL is not among them: it means that memory ran out.
_BY_THE_FILE = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)


def main() -> None:
    logs.configure()
    worker = subprocess.Popen([sys.executable, "-m", "services.score"])
    try:
        status = worker.wait(_LONG_SECONDS)
    except subprocess.TimeoutExpired:
        status = _wait_while_wanted(worker)
    if -status in _BY_THE_FILE:
        _refuse(f"reading the input ended the process with {signal.Signals(-status).name}: the file is damaged")
    elif status:
        sys.exit(status if status > 0 else 128 - status)


def _wait_while_wanted(worker: "subprocess.Popen[bytes]") -> int:
    """Wait for the worker's exit status; 0 when it was stopped because its flow has ended."""
    # Imported here and in `_refuse`: most inputs need neither.
    from closecast.platform.lake import lease
    from closecast.platform.settings import required

    watch = lease.Watch(_lake(), required(os.environ, "CLOSECAST_LEASE"))
    while True:
        try:
            return worker.wait(lease.RENEW_SECONDS)
        except subprocess.TimeoutExpired:
            why = watch.end()
        if why is not None:
            _LOG.info(why)
            worker.kill()
            worker.wait()
            return 0


def _lake() -> "Lake":
    from closecast.platform.lake.store import Lake
    from closecast.platform.settings import LakeSettings

    return Lake(LakeSettings.from_environment(os.environ))


def _refuse(reason: str) -> None:
    from closecast.platform.batch import scoring_run
    from closecast.platform.settings import required

    target = required(os.environ, "CLOSECAST_TARGET")
    instance = required(os.environ, "NOMAD_JOB_ID")
    scoring_run.refuse(_lake(), target, instance, reason)
    _LOG.warning("%s is refused: %s", os.environ["CLOSECAST_SOURCE"], reason)


if __name__ == "__main__":
    main()
