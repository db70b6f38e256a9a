"""Flow runs in Prefect, over its REST API: those under way, crashed runs, and their restarts."""

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from closecast.platform.prefect_http import PrefectAuth
from services.prefect import MOST_ATTEMPTS, REPEATABLE, WORK_POOL

_LOG = logging.getLogger(__name__)

_REPEATED_WITHIN = timedelta(hours=24)
_ATTEMPT = re.compile(r"attempt-(\d+)")
_LIMIT = 200  # Prefect's maximum per request


@dataclass(frozen=True)
class Run:
    """A flow run in Prefect."""

    id: str
    name: str
    deployment_id: str | None
    state: str
    since: datetime
    started: datetime | None
    message: str
    tags: tuple[str, ...]
    parameters: dict[str, Any]
    job_variables: dict[str, Any]

    @classmethod
    def of(cls, answer: dict[str, Any]) -> "Run":
        state = answer["state"]
        return cls(
            answer["id"],
            answer["name"],
            answer["deployment_id"],
            state["type"],
            datetime.fromisoformat(state["timestamp"]),
            datetime.fromisoformat(answer["start_time"]) if answer.get("start_time") else None,
            state.get("message") or "",
            tuple(answer["tags"]),
            answer["parameters"],
            answer.get("job_variables") or {},
        )

    @property
    def attempt(self) -> int:
        """The number of the attempt; the first has no tag."""
        found = [int(match[1]) for match in map(_ATTEMPT.fullmatch, self.tags) if match]
        return max(found, default=1)


class Runs:
    """The runs of this platform's work pool. Every call raises httpx.HTTPError when Prefect is away or refuses."""

    def __init__(self, api: str, auth_string: str) -> None:
        self._pages = api.removesuffix("/api")
        self._http = httpx.Client(base_url=api, timeout=30, auth=PrefectAuth(auth_string))
        self._repeated: set[str] = set()

    def under_way(self) -> list[Run]:
        """The runs that should have a process."""
        return self._filter({"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}})

    def end(self, run: Run, reason: str) -> None:
        """Mark the run as Crashed, or as Cancelled if that was requested, because its process is gone.

        This frees its slot.
        """
        asked = run.state == "CANCELLING"
        state = {"type": "CANCELLED", "name": "Cancelled"} if asked else {"type": "CRASHED", "name": "Crashed"}
        self._call("POST", f"/flow_runs/{run.id}/set_state", {"state": {**state, "message": reason}, "force": True})

    def last_ends(self) -> dict[str, Run]:
        """The last run of each flow that has completed, failed or crashed, by the flow's name, of the latest 200."""
        flows = {
            one["id"]: one["entrypoint"].rpartition(":")[2]
            for one in self._call("POST", "/deployments/filter", {"limit": _LIMIT})
            if one.get("entrypoint")
        }
        found: dict[str, Run] = {}
        ends = {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}
        for run in self._filter(ends, sort="END_TIME_DESC"):
            if run.deployment_id in flows:
                found.setdefault(flows[run.deployment_id], run)
        return found

    def page(self, run: Run) -> str:
        """The address of the run's page."""
        return f"{self._pages}/runs/flow-run/{run.id}"

    def repeat(self) -> list[tuple[Run, str]]:
        """Restart repeatable runs that crashed within a day and have attempts left; returns them and the new names."""
        after = (datetime.now(UTC) - _REPEATED_WITHIN).isoformat()
        crashed = self._filter(
            {"state": {"type": {"any_": ["CRASHED"]}}, "tags": {"all_": [REPEATABLE]}, "end_time": {"after_": after}}
        )
        due = [run for run in crashed if run.id not in self._repeated and run.attempt < MOST_ATTEMPTS]
        return [(run, name) for run in due if run.deployment_id and (name := self._again(run))]

    def _again(self, run: Run) -> str | None:
        number = run.attempt + 1
        kept = [tag for tag in run.tags if not _ATTEMPT.fullmatch(tag)]
        body = {
            "name": f"{run.name.partition(' (attempt')[0]} (attempt {number})",
            "parameters": run.parameters,
            "job_variables": run.job_variables,
            "tags": [*kept, f"attempt-{number}"],
            # Idempotent: if a killed worker's successor requests it again, it is made only once.
            "idempotency_key": f"after-{run.id}",
            "state": {"type": "SCHEDULED", "message": f"Tried again, for {run.name} crashed: {run.message}"},
        }
        try:
            made = self._call("POST", f"/deployments/{run.deployment_id}/create_flow_run", body)
        except httpx.HTTPStatusError as error:
            if error.response.is_server_error:
                raise
            # Its deployment is gone, or has other parameters now.
            _LOG.warning("%s is not tried again: %s", run.name, error.response.text[:300])
            self._repeated.add(run.id)
            return None
        self._repeated.add(run.id)
        fresh = datetime.fromisoformat(made["created"]) > datetime.now(UTC) - timedelta(minutes=1)
        return str(made["name"]) if fresh else None

    def _filter(self, flow_runs: dict[str, Any], **more: str) -> list[Run]:
        body = {"flow_runs": flow_runs, "work_pools": {"name": {"any_": [WORK_POOL]}}, "limit": _LIMIT, **more}
        return [Run.of(answer) for answer in self._call("POST", "/flow_runs/filter", body)]

    def _call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        return self._http.request(method, path, json=body).raise_for_status().json()
