"""The end of a process that works in threads."""

import signal
import threading


def stop_event() -> threading.Event:
    """An event that is set when this process is asked to end, by SIGTERM or SIGINT. Call it in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop
