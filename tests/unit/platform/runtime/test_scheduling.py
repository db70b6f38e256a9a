"""Which threads interrupt others."""

import os
import subprocess
import sys
import threading

import pytest

from closecast.platform.runtime.scheduling import disable_preemption, enable_preemption, yield_to_others
from tests.servers.processes import PROJECT


def _policies() -> list[int]:
    found: list[int] = []

    def see() -> None:
        found.append(os.sched_getscheduler(0))
        disable_preemption()
        found.append(os.sched_getscheduler(0))
        inner = threading.Thread(target=lambda: found.append(os.sched_getscheduler(0)))
        inner.start()
        inner.join()
        enable_preemption()
        found.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=see)
    thread.start()
    thread.join()
    return found


def test_a_thread_and_those_it_starts_interrupt_nobody_until_told_otherwise() -> None:
    assert _policies() == [os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_BATCH, os.SCHED_OTHER]


def test_the_log_interrupts_nobody() -> None:
    code = (
        "import os, threading; from closecast.platform.runtime import logs; before = set(threading.enumerate());"
        "logs.configure(in_background=True); (thread,) = set(threading.enumerate()) - before; "
        "from tests.waiting import until; until(lambda: os.sched_getscheduler(thread.native_id) == os.SCHED_BATCH);"
        "print('so it does')"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert told.stdout == "so it does\n"


@pytest.mark.parametrize(("deals", "policy"), [(1, os.SCHED_BATCH), (100, os.SCHED_OTHER)])
def test_the_journal_interrupts_the_service_only_with_many_deals_to_record(deals: int, policy: int) -> None:
    # At full load the event loop never sleeps: a thread that waits for that would not record what it answers.
    code = (
        "import os, pathlib, sys, tempfile; from closecast.platform.journal.shipper import Shipper;"
        "from closecast.platform.journal.spool import Spool; from closecast.platform.journal.stream import Encoded;"
        "from tests.waiting import until; seen = []; count = int(sys.argv[1]);"
        "spool = Spool(pathlib.Path(tempfile.mkdtemp()), 1_000_000);"
        "made = Shipper(lambda: seen.append(os.sched_getscheduler(0)), spool); made.append(Encoded(b'', count, 0));"
        "made.start(); until(lambda: seen); made.close(); print(seen[0])"
    )
    command = [sys.executable, "-c", code, str(deals)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    assert told.stdout == f"{policy}\n"


def test_an_idle_process_stays_idle_and_goes_on_after_giving_way() -> None:
    code = (
        "import os; from closecast.platform.runtime import scheduling as s; s.run_when_idle(); s.disable_preemption();"
        "s.enable_preemption(); s.yield_to_others(); print(os.sched_getscheduler(0) == os.SCHED_IDLE)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"
    yield_to_others()
