"""Run parameterized Nomad jobs: dispatch instances and follow their states."""

import base64
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from closecast.platform.runtime.retry import AwayError, retry

OVER = ("complete", "failed", "lost", "dead")
RETRY_SECONDS = 300.0
# A Nomad that has just come back may not know an instance yet, or not know that it lives: an end other than a good one
# counts once it was reported this often, over this many seconds.
_TOLD_TIMES, _TOLD_SECONDS = 5, 10.0
# A server that hung may process its client's updates of an instance in the wrong order, and call one that has ended
# running forever: so its work is checked too, at this interval.
_LOOK_SECONDS = 15.0
# Nomad answers these with 500, as it does while it has no leader or no key, but they are final.
_REFUSALS = ("parameterized job not found", "Specified job", "Dispatch ", "Payload ")


class DispatchError(RuntimeError):
    """Nomad refused, does not know the job, or an instance did not end in time."""


class NomadAwayError(DispatchError, AwayError):
    """Nomad did not answer in time: a later attempt may succeed."""


class _RefusedError(RuntimeError):
    """Nomad refused for good."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class NomadSettings:
    """The address of Nomad's API, `http://…` or `unix://<the socket of a task>`, and the token of this task."""

    address: str
    token: str = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "NomadSettings":
        """Raises DispatchError when NOMAD_ADDR or NOMAD_TOKEN is missing."""
        for name in ("NOMAD_ADDR", "NOMAD_TOKEN"):
            if not environment.get(name):
                raise DispatchError(f"the environment variable {name} is not set: this runs in a task of a Nomad job")
        return cls(environment["NOMAD_ADDR"], environment["NOMAD_TOKEN"])


class Dispatcher:
    """Dispatches and follows instances of parameterized jobs, with the rights of this process's task.

    While Nomad is away or restarts, requests are retried with growing pauses for `retry_seconds`; `report` is called
    with the reason when that begins. After that NomadAwayError is raised.
    """

    def __init__(
        self,
        settings: NomadSettings,
        retry_seconds: float = RETRY_SECONDS,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        headers = {"X-Nomad-Token": settings.token}
        # Loopback and cluster addresses are never meant for a proxy.
        socket = settings.address.removeprefix("unix://") if settings.address.startswith("unix://") else None
        self._nomad = httpx.Client(
            base_url="http://nomad/v1" if socket else f"{settings.address}/v1",
            headers=headers,
            timeout=10,
            trust_env=False,
            transport=httpx.HTTPTransport(uds=socket) if socket else None,
        )
        self._address = settings.address
        self._retry_seconds = retry_seconds
        self._report = report
        self._away = 0.0  # total seconds that requests waited for Nomad

    def dispatch(self, job: str, meta: Mapping[str, str], payload: bytes | None = None) -> str:
        """Start exactly one instance of `job`, and return its id.

        Raises DispatchError with Nomad's reason, and NomadAwayError.
        """
        body = {"Meta": dict(meta), "Payload": base64.b64encode(payload).decode() if payload is not None else None}
        # Nomad answers a repeated token with the instance that it started before.
        query = {"idempotency_token": str(uuid.uuid4())}
        try:
            return str(
                self._request("POST", f"/job/{quote(job, safe='')}/dispatch", params=query, json=body)[
                    "DispatchedJobID"
                ]
            )
        except _RefusedError as error:
            raise DispatchError(f"Nomad at {self._address} did not dispatch {job}: {error}") from error

    def state(self, instance: str) -> str:
        """The current state:

        `pending`, `running`, `complete`, `failed`, `lost` or `dead` (gone, or ended without a result).

        Raises DispatchError with Nomad's reason, and NomadAwayError.
        """
        try:
            allocations = self._request("GET", f"/job/{quote(instance, safe='')}/allocations")
            job = self._request("GET", f"/job/{quote(instance, safe='')}")
        except _RefusedError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return "dead"
            raise DispatchError(f"Nomad at {self._address} does not tell of {instance}: {error}") from error
        if not allocations:
            return "dead" if job["Status"] == "dead" else "pending"
        newest = max(allocations, key=lambda one: one["CreateIndex"])
        status = str(newest["ClientStatus"])
        # A failed allocation is followed by another until Nomad gives up.
        return status if status in OVER and (status == "complete" or job["Status"] == "dead") else _alive(status)

    def follow(
        self, instances: Sequence[str], seconds: float, is_done: Callable[[str], bool]
    ) -> Iterator[dict[str, str]]:
        """Yield the state of each instance, every second, until all have ended.

        An instance counts as failed, lost or dead only when Nomad has said so several times running; until then it is
        `pending`. One that Nomad calls running is `complete` when `is_done` finds its work done. Raises DispatchError
        when the end has not come within `seconds`, not counting those that Nomad was away, and what `state` raises.
        """
        deadline, look = time.monotonic() + seconds - self._away, time.monotonic() + _LOOK_SECONDS
        ends = {instance: _End() for instance in instances}
        states = dict.fromkeys(instances, "pending")
        while True:
            for instance in [one for one in instances if states[one] not in OVER]:
                states[instance] = ends[instance].believed(self.state(instance), time.monotonic())
            if time.monotonic() > look:
                running = [instance for instance, state in states.items() if state == "running"]
                states |= {instance: "complete" for instance in running if is_done(instance)}
                look = time.monotonic() + _LOOK_SECONDS
            yield dict(states)
            if all(state in OVER for state in states.values()):
                return
            if time.monotonic() > deadline + self._away:
                waiting = [instance for instance, state in states.items() if state not in OVER]
                raise DispatchError(
                    f"{len(waiting)} of {len(instances)} instances have not ended within {seconds:.0f} s: {', '.join(waiting)}"
                )
            time.sleep(1)

    def _request(self, method: str, route: str, **arguments: Any) -> Any:
        """Send a request to Nomad, with retries.

        Raises _RefusedError for a final refusal, and NomadAwayError after `retry_seconds`.
        """
        begin, waited = time.monotonic(), False

        def ask() -> Any:
            try:
                answer = self._nomad.request(method, route, **arguments)
            except httpx.HTTPError as error:
                raise NomadAwayError(f"Nomad at {self._address} does not answer: {error}") from error
            if answer.is_success:
                return answer.json()
            reason = answer.text.strip()[:300]
            is_final = answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST)
            if is_final or reason.startswith(_REFUSALS):
                raise _RefusedError(reason, answer.status_code)
            # A refused token is retried too: right after its start Nomad has no key yet to check tokens with.
            raise NomadAwayError(f"Nomad at {self._address} does not answer: {reason}")

        def report(line: str) -> None:
            nonlocal waited
            waited = True
            self._report(line)

        answer = retry(ask, self._retry_seconds, report)
        self._away += time.monotonic() - begin if waited else 0.0
        return answer


@dataclass
class _End:
    """How often and since when Nomad has reported an instance as failed, lost or dead."""

    times: int = 0
    since: float = 0.0

    def believed(self, state: str, now: float) -> str:
        """`state`, or `pending` while a bad end has not been reported often enough."""
        if state not in OVER or state == "complete":
            self.times = 0
            return state
        self.since = now if self.times == 0 else self.since
        self.times += 1
        return state if self.times >= _TOLD_TIMES and now - self.since >= _TOLD_SECONDS else "pending"


def _alive(status: str) -> str:
    return "running" if status == "running" else "pending"
