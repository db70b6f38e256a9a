"""Runs parameterized Nomad jobs: dispatches instances, watches them, and says why one failed."""

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import nomad
from nomad.api.exceptions import BaseNomadException

_OVER = ("complete", "failed", "lost", "dead")


class DispatchError(RuntimeError):
    """Nomad cannot be reached, does not know the job, or an instance of it failed for good."""


@dataclass(frozen=True)
class NomadSettings:
    """Where Nomad's API is, and the token that speaks for this task."""

    address: str
    token: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "NomadSettings":
        """Raises DispatchError when NOMAD_ADDR or NOMAD_TOKEN is missing."""
        for name in ("NOMAD_ADDR", "NOMAD_TOKEN"):
            if not environment.get(name):
                raise DispatchError(f"the environment variable {name} is not set: this runs in a task of a Nomad job")
        return cls(environment["NOMAD_ADDR"], environment["NOMAD_TOKEN"])


class Dispatcher:
    """Instances of parameterized jobs, by the rights of the task that this process runs in."""

    def __init__(self, settings: NomadSettings) -> None:
        self._nomad = nomad.Nomad(address=settings.address, token=settings.token, timeout=10)
        self._address = settings.address

    def dispatch(self, job: str, meta: Mapping[str, str], payload: bytes | None = None) -> str:
        """Start an instance of `job`; returns its id. Raises DispatchError with Nomad's reason."""
        body = base64.b64encode(payload).decode() if payload is not None else None
        try:
            return str(self._nomad.job.dispatch_job(job, payload=body, meta=dict(meta))["DispatchedJobID"])
        except BaseNomadException as error:
            raise DispatchError(f"Nomad at {self._address} did not dispatch {job}: {_reason(error)}") from error

    def state(self, instance: str) -> str:
        """`pending`, `running`, `complete`, `failed` or `dead` (gone, or ended without a result)."""
        try:
            allocations = self._nomad.job.get_allocations(instance)
            job = self._nomad.job.get_job(instance)
        except nomad.api.exceptions.URLNotFoundNomadException:
            return "dead"
        except BaseNomadException as error:
            raise DispatchError(f"Nomad at {self._address} does not answer: {_reason(error)}") from error
        if not allocations:
            return "dead" if job["Status"] == "dead" else "pending"
        newest = max(allocations, key=lambda one: one["CreateIndex"])
        status = str(newest["ClientStatus"])
        # A failed allocation is followed by another until Nomad gives the job up.
        return "pending" if status in ("failed", "lost") and job["Status"] != "dead" else status

    def stop(self, instance: str) -> None:
        """End an instance; one that is gone is fine."""
        try:
            self._nomad.job.deregister_job(instance)
        except nomad.api.exceptions.URLNotFoundNomadException:
            return
        except BaseNomadException as error:
            raise DispatchError(f"Nomad at {self._address} did not stop {instance}: {_reason(error)}") from error

    def follow(self, instances: Sequence[str], seconds: float) -> Iterator[dict[str, str]]:
        """The state of each instance, every second, until all are over.

        Raises DispatchError when that has not come within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            states = {instance: self.state(instance) for instance in instances}
            yield states
            if all(state in _OVER for state in states.values()):
                return
            if time.monotonic() > deadline:
                waiting = [instance for instance, state in states.items() if state not in _OVER]
                raise DispatchError(
                    f"{len(waiting)} of {len(instances)} instances have not ended within {seconds:.0f} s: {', '.join(waiting)}"
                )
            time.sleep(1)


def _reason(error: BaseNomadException) -> str:
    response = getattr(error, "nomad_resp", None)
    return str(getattr(response, "text", "") or error).strip()[:300]
