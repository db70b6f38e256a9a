"""Which threads interrupt others."""

import os
import subprocess
import sys
import threading

from closecast.platform.journal import shipper
from closecast.platform.scheduling import give_way, interrupt_nobody, interrupt_others
from services.api.telemetry import logs
from tests.waiting import until


def _policies() -> list[int]:
    found: list[int] = []

    def see() -> None:
        found.append(os.sched_getscheduler(0))
        interrupt_nobody()
        found.append(os.sched_getscheduler(0))
        inner = threading.Thread(target=lambda: found.append(os.sched_getscheduler(0)))
        inner.start()
        inner.join()
        interrupt_others()
        found.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=see)
    thread.start()
    thread.join()
    return found


def test_a_thread_and_those_it_starts_interrupt_nobody_until_told_otherwise() -> None:
    assert _policies() == [os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_BATCH, os.SCHED_OTHER]


def test_the_log_interrupts_nobody() -> None:
    logs.log("a line", level="info")
    (thread,) = [one for one in threading.enumerate() if one.name == "log"]
    assert thread.native_id is not None
    number = thread.native_id
    until(lambda: os.sched_getscheduler(number) == os.SCHED_BATCH)


def test_the_journal_interrupts_the_service_that_starts_it() -> None:
    # At full load the event loop never sleeps: a thread that waits for that would not record what it answers.
    code = (
        "import os, threading, time; from closecast.platform.scheduling import interrupt_nobody; interrupt_nobody();"
        f"from {shipper.__name__} import Shipper;"
        "made = object.__new__(Shipper); made._stop = threading.Event(); made._stop.set(); seen = [];"
        "made._finish = lambda: seen.append(os.sched_getscheduler(0));"
        "thread = threading.Thread(target=made._run); thread.start(); thread.join(); print(seen[0] == os.SCHED_OTHER)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"


def test_an_idle_process_stays_idle_and_goes_on_after_giving_way() -> None:
    code = (
        "import os; from closecast.platform import scheduling as s; s.step_back(); s.interrupt_nobody();"
        "s.interrupt_others(); s.give_way(); print(os.sched_getscheduler(0) == os.SCHED_IDLE)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"
    give_way()
