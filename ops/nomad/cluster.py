"""A client of Nomad's HTTP API: access control, Variables, jobs, allocations and service checks."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from ops.errors import OperatorError


@dataclass(frozen=True)
class Port:
    """A port of an allocation."""

    label: str
    host: str
    number: int


@dataclass(frozen=True)
class Task:
    """The state of one task of an allocation."""

    name: str
    state: str
    restarts: int
    last_event: str


@dataclass(frozen=True)
class Allocation:
    """An allocation of a job that should run."""

    id: str
    job: str
    status: str
    ports: tuple[Port, ...]
    tasks: tuple[Task, ...]
    version: int  # of the job, as it was submitted


class Cluster:
    """Nomad at `address`, with the rights of `token` (an ACL secret); `authority` is the file of who signed for it."""

    def __init__(self, address: str, token: str, authority: str | None = None) -> None:
        trusted = ssl.create_default_context(cafile=authority) if authority else True
        headers = {"X-Nomad-Token": token}
        self._http = httpx.Client(base_url=f"{address}/v1", headers=headers, timeout=30, verify=trusted)

    def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send a request; a read is repeated when it times out on a busy machine."""
        try:
            try:
                return self._http.request(method, path, **arguments)
            except httpx.TimeoutException:
                if method != "GET":
                    raise
                return self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise OperatorError(f"Nomad does not answer at {self._http.base_url}: {error}", "run `just up`") from error

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self._ask(method, path, **arguments)
        if answer.status_code == 403:
            raise OperatorError(
                "Nomad refuses the token in the credentials file",
                "the agent's data and the file do not belong together: restore the file, or `just down --purge`",
            )
        if answer.is_error:
            raise OperatorError(
                f"Nomad answered {answer.status_code} to {method} {path}: {answer.text.strip()}",
                "see `just logs nomad`",
            )
        return answer.json() if answer.content else None

    def bootstrap(self, secret: str) -> None:
        """Make `secret` the first management token; repeating it is harmless."""
        answer = self._ask("POST", "/acl/bootstrap", json={"BootstrapSecret": secret}, headers={"X-Nomad-Token": ""})
        if answer.is_error and "already done" not in answer.text:
            raise OperatorError(
                f"the access control of Nomad could not be set up: {answer.text.strip()}", "run `just up` again"
            )
        self._call("GET", "/acl/token/self")

    def ensure_policy(self, name: str, description: str, rules: str, job: str | None = None) -> None:
        """Write the policy; with `job`, it applies to the workload identities of that job's tasks."""
        body: dict[str, Any] = {"Name": name, "Description": description, "Rules": rules}
        if job is not None:
            body["JobACL"] = {"Namespace": "default", "JobID": job}
        self._call("PUT", f"/acl/policy/{name}", json=body)

    def ensure_namespace(self, name: str, description: str, forbidden_drivers: list[str]) -> None:
        """Write the namespace, in which no task runs by one of `forbidden_drivers`."""
        body = {
            "Name": name,
            "Description": description,
            "Capabilities": {"DisabledTaskDrivers": forbidden_drivers},
        }
        self._call("PUT", f"/namespace/{name}", json=body)

    def create_token(self, name: str, policies: list[str]) -> str:
        """Create a client token and return its secret."""
        token = self._call("PUT", "/acl/token", json={"Name": name, "Type": "client", "Policies": policies})
        return str(token["SecretID"])

    def has_token(self, secret: str) -> bool:
        return any(token["AccessorID"] for token in self._call("GET", "/acl/tokens") if self._is(token, secret))

    def _is(self, token: dict[str, Any], secret: str) -> bool:
        return bool(self._call("GET", f"/acl/token/{token['AccessorID']}")["SecretID"] == secret)

    def variable(self, path: str) -> dict[str, str]:
        """The items of a Variable, empty if it does not exist."""
        answer = self._ask("GET", f"/var/{path}")
        if answer.status_code == 404:
            return {}
        return dict(self._call("GET", f"/var/{path}")["Items"])

    def put_variable(self, path: str, items: dict[str, str]) -> bool:
        """Write a Variable if it differs, so that tasks are not restarted for nothing; one without items is deleted.

        Returns whether an existing Variable was changed.
        """
        answer = self._ask("GET", f"/var/{path}")
        if not items:
            if answer.status_code == 200:
                self._call("DELETE", f"/var/{path}")
            return False
        if answer.status_code == 200 and answer.json()["Items"] == items:
            return False
        # A new agent answers before it has made its encryption key for Variables.
        body = {"Path": path, "Items": items}
        wait(lambda: self._is_encrypted_and_kept(path, body), 60, "the creation of Nomad's encryption key")
        return answer.status_code == 200

    def _is_encrypted_and_kept(self, path: str, body: dict[str, Any]) -> bool:
        try:
            self._call("PUT", f"/var/{path}", json=body)
        except OperatorError as error:
            if "keyring" not in str(error):
                raise
            return False
        return True

    def allow_oversubscription(self) -> None:
        """Let tasks use memory that others reserved but don't use, up to their `memory_max`; the default is a hard limit."""
        configuration = self._call("GET", "/operator/scheduler/configuration")["SchedulerConfig"]
        if not configuration["MemoryOversubscriptionEnabled"]:
            configuration["MemoryOversubscriptionEnabled"] = True
            self._call("PUT", "/operator/scheduler/configuration", json=configuration)

    def node_is_ready(self) -> bool:
        """Whether the node accepts work now. After a restart Nomad still reports it as ready, so it must answer too."""
        ready = [node["ID"] for node in self._call("GET", "/nodes") if node["Status"] == "ready"]
        return any(self._ask("GET", "/client/stats", params={"node_id": node}).is_success for node in ready)

    def job(self, name: str) -> dict[str, Any] | None:
        answer = self._ask("GET", f"/job/{name}")
        return answer.json() if answer.status_code == 200 else None

    def version(self, name: str) -> int:
        """The version of a job that is submitted."""
        return int(self._call("GET", f"/job/{name}")["Version"])

    def is_wanted(self, name: str) -> bool:
        """Whether the job is submitted and not stopped."""
        job = self.job(name)
        return job is not None and not job["Stop"]

    def allocation(self, job: str) -> Allocation | None:
        """The newest allocation that should run, with its ports, or None."""
        stubs = self._wanted(job)
        return self._whole(stubs[-1]["ID"], job) if stubs else None

    def last_allocation(self, job: str, version: int | None = None) -> Allocation | None:
        """The newest allocation, whether it should run or not, or None; with `version`, the newest of that version of the job."""
        stubs = [stub for stub in self._stubs(job) if version is None or stub["JobVersion"] == version]
        return self._whole(stubs[-1]["ID"], job) if stubs else None

    def allocations(self, job: str) -> list[Allocation]:
        """All allocations that should run, one per instance, the oldest first."""
        return [self._whole(stub["ID"], job) for stub in self._wanted(job)]

    def _wanted(self, job: str) -> list[dict[str, Any]]:
        return [stub for stub in self._stubs(job) if stub["DesiredStatus"] == "run"]

    def _stubs(self, job: str) -> list[dict[str, Any]]:
        """All allocations that Nomad still knows, the oldest first."""
        return sorted(self._call("GET", f"/job/{job}/allocations"), key=lambda stub: int(stub["CreateIndex"]))

    def _whole(self, allocation: str, job: str) -> Allocation:
        full = self._call("GET", f"/allocation/{allocation}")
        shared = (full.get("AllocatedResources") or {}).get("Shared") or {}
        ports = tuple(Port(port["Label"], port["HostIP"], port["Value"]) for port in shared.get("Ports") or [])
        tasks = tuple(
            Task(name, state["State"], state["Restarts"], _last_event(state))
            for name, state in sorted((full.get("TaskStates") or {}).items())
        )
        return Allocation(full["ID"], job, full["ClientStatus"], ports, tasks, full["Job"]["Version"])

    def placement_failure(self, job: str) -> str | None:
        """Nomad's reason why it could not place the job."""
        for evaluation in self._call("GET", f"/job/{job}/evaluations"):
            for failure in (evaluation.get("FailedTGAllocs") or {}).values():
                exhausted = failure.get("DimensionExhausted") or failure.get("ConstraintFiltered") or {}
                if exhausted and evaluation["Status"] != "canceled" and evaluation.get("BlockedEval"):
                    return ", ".join(exhausted)
        return None

    def stop(self, job: str) -> None:
        self._call("DELETE", f"/job/{quote(job, safe='')}")

    def instances(self, job: str) -> list[str]:
        """Ids of the dispatched instances of a parameterized job that have not ended."""
        stubs = self._call("GET", "/jobs", params={"prefix": f"{job}/dispatch-"})
        return [stub["ID"] for stub in stubs if stub["Status"] != "dead"]

    def live_allocations(self, job: str) -> list[str]:
        """Ids of allocations whose processes may still run."""
        stubs = self._call("GET", f"/job/{quote(job, safe='')}/allocations")
        return [stub["ID"] for stub in stubs if stub["ClientStatus"] in ("running", "pending")]

    def restart(self, allocation: str) -> None:
        """Restart the allocation's tasks in place; returns once they have ended."""
        self._call("PUT", f"/client/allocation/{allocation}/restart", json={"AllTasks": True}, timeout=60)

    def replace(self, allocation: str) -> None:
        """Have Nomad stop the allocation, after deregistering its services, and start another in its place."""
        self._call("PUT", f"/allocation/{allocation}/stop")

    def log_tail(self, allocation: Allocation, task: str, characters: int = 1_000_000) -> str:
        """The end of a task's stderr, or "" when there is nothing yet."""
        query = {"task": task, "type": "stderr", "origin": "end", "offset": str(characters), "plain": "true"}
        answer = self._ask("GET", f"/client/fs/logs/{allocation.id}", params=query)
        return answer.text if answer.status_code == 200 else ""


def _last_event(state: dict[str, Any]) -> str:
    events = state.get("Events") or []
    return str(events[-1].get("DisplayMessage") or events[-1].get("Type")) if events else ""


def wait(condition: Callable[[], bool], seconds: float, what: str, pause: float = 0.2) -> None:
    """Poll until `condition` holds. Raises OperatorError saying that `what` did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise OperatorError(
                f"{what} did not happen within {seconds:.0f} s", "see `just logs nomad`, then run it again"
            )
        time.sleep(pause)


__all__ = ["Allocation", "Cluster", "Port", "Task", "wait"]
