"""A caller that asks for a prediction every few milliseconds, at one door of the platform, and keeps what went wrong."""

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType

import httpx

DEAL = {"deal": {"engage_date": "2017-11-20"}, "as_of": "2017-12-01"}


@dataclass
class Load:
    """`with Load(where, key) as load:` asks for as long as the block runs; an answer other than 200 is a refusal."""

    where: str | Callable[[], str]  # URL of the door, or what finds one anew for each request
    key: str  # may be changed meanwhile
    trusted: ssl.SSLContext | bool = True
    period: float = 0.02
    answered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    first: float | None = None  # seconds of the monotonic clock at which the first refused request was sent
    last: float | None = None

    def __enter__(self) -> "Load":
        self._end = threading.Event()
        self._lock = threading.Lock()
        # A connection may fail at any time while a server ends, as it does for any caller: each request has its own.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(verify=self.trusted, timeout=20, trust_env=False, limits=limits)
        self._pool = ThreadPoolExecutor(32)
        self._pacing = threading.Thread(target=self._pace)
        self._pacing.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._end.set()
        self._pacing.join()
        self._pool.shutdown(wait=True)
        self._client.close()

    @property
    def gap(self) -> float:
        """Seconds between the first and the last refused request, 0 where none was refused."""
        return 0.0 if self.first is None or self.last is None else self.last - self.first

    def _pace(self) -> None:
        due = time.monotonic()
        asked: list[Future[None]] = []
        while not self._end.wait(max(0.0, due - time.monotonic())):
            asked.append(self._pool.submit(self._ask))
            due += self.period
        for one in asked:
            one.result()

    def _ask(self) -> None:
        sent = time.monotonic()
        try:
            address = self.where if isinstance(self.where, str) else self.where()
            answer = self._client.post(f"{address}/v1/predictions", json=DEAL, headers={"X-API-Key": self.key})
            problem = None if answer.status_code == 200 else f"{answer.status_code} {answer.text[:200]}"
        except httpx.HTTPError as error:
            problem = repr(error)
        with self._lock:
            if problem is None:
                self.answered += 1
            else:
                self.refused[problem] += 1
                self.first = sent if self.first is None else min(self.first, sent)
                self.last = sent if self.last is None else max(self.last, sent)
