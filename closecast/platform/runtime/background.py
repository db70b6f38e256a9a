"""A background thread that works in rounds, and can be started, woken and stopped."""

import threading
from collections.abc import Callable


class BackgroundWorker:
    """Calls `work` at once, then after each pause and whenever it is woken, on a thread of its own, until it is stopped.

    `work` returns the seconds until the next round; `retry_seconds` pass after a round that raised. An exception ends
    the round but not the thread, and is reported with the text of `describe`. `report` gets each problem once: again
    only after another one, or after `settle`.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], float],
        report: Callable[[str], None],
        *,
        retry_seconds: float,
        describe: Callable[[Exception], str] | None = None,
        finish: Callable[[], None] | None = None,
        stop_seconds: float = 2.0,
    ) -> None:
        """`finish` is called on the thread after a stop; `stop` waits `stop_seconds` for the current round and `finish`."""
        self._work, self._report = work, report
        self._describe, self._finish = describe or _described, finish
        self._retry_seconds, self._stop_seconds = retry_seconds, stop_seconds
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.problem: str | None = None  # what is wrong now, if anything is

    def start(self) -> None:
        """Start the first round."""
        self._thread.start()

    def wake(self) -> None:
        """Start the next round now, or directly after the current one. Returns at once; any thread may call it."""
        self._woken.set()

    def stop(self, seconds: float | None = None) -> bool:
        """Stop the thread after the current round; returns whether it ended within `seconds` (by default `stop_seconds`)."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(self._stop_seconds if seconds is None else seconds)
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait inside a round, at most until the worker is stopped."""
        self._stopping.wait(seconds)

    @property
    def is_stopping(self) -> bool:
        """Whether a long round should end because the worker is being stopped."""
        return self._stopping.is_set()

    def fail(self, problem: str) -> None:
        """Report `problem`, unless it was reported last."""
        if problem != self.problem:
            self.problem = problem
            self._report(problem)

    def settle(self) -> bool:
        """Clear the problem; returns whether there was one."""
        was, self.problem = self.problem, None
        return was is not None

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Cleared before the round, so that a call during it is not lost.
            self._woken.clear()
            try:
                seconds = self._work()
            except Exception as error:  # noqa: BLE001 - the thread must outlive whatever others answer; it is reported
                self.fail(self._describe(error))
                seconds = self._retry_seconds
            if not self._stopping.is_set():
                self._woken.wait(max(0.0, seconds))
        if self._finish is not None:
            self._finish()


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
