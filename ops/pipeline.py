"""Submits the training flow to Prefect and follows it to its end, through Prefect's REST API."""

import json
import time
from typing import Any

import httpx

from ops.errors import OperatorError
from ops.progress import say

DEPLOYMENT = "train/closecast"
_WORKER_SECONDS = 30
_FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Prefect:
    """Prefect's API below `address` (the server's base URL, without /api)."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._http = httpx.Client(base_url=f"{address}/api", timeout=30)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer, or None for an empty one. Raises OperatorError with Prefect's own words."""
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise OperatorError(
                f"Prefect does not answer at {self.address}: {error}", "see `just prefect-status`"
            ) from error
        if answer.status_code == 404:
            raise OperatorError(
                f"Prefect knows nothing at {path}",
                "`just prefect-deploy` registers the flows; `just prefect-status-all` lists them",
            )
        if answer.is_error:
            raise OperatorError(
                f"Prefect answered {answer.status_code}: {answer.text[:400]}", "see `just logs prefect`"
            )
        return answer.json() if answer.content else None

    def deployment(self, name: str) -> dict[str, Any]:
        """The deployment called `flow/deployment`."""
        found: dict[str, Any] = self.call("GET", f"/deployments/name/{name}")
        return found

    def variable(self, name: str) -> Any:
        """The value of a Prefect variable, None while there is none."""
        found = self.call("POST", "/variables/filter", {"variables": {"name": {"any_": [name]}}})
        return found[0]["value"] if found else None

    def set_variable(self, name: str, value: str) -> None:
        """Write a Prefect variable, over what was there."""
        if self.variable(name) is None:
            self.call("POST", "/variables/", {"name": name, "value": value, "tags": ["closecast"]})
        else:
            self.call("PATCH", f"/variables/name/{name}", {"value": value})

    def submit(self, name: str, parameters: dict[str, Any]) -> str:
        """Create a flow run; returns its id."""
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        run = self.call("POST", f"/deployments/{self.deployment(name)['id']}/create_flow_run", body)
        return str(run["id"])

    def follow(self, run: str, seconds: float = 1800) -> dict[str, Any]:
        """Print each task as it begins to run until the run ends; returns the run.

        Raises OperatorError with the flow's own message when it did not complete.
        """
        begin = time.monotonic()
        deadline, told = begin + seconds, False
        seen: set[str] = set()
        state = ""
        while time.monotonic() < deadline:
            flow_run: dict[str, Any] = self.call("GET", f"/flow_runs/{run}")
            if flow_run["state_type"] != state:
                state = flow_run["state_type"]
                say(f"  flow run {flow_run['name']}: {state.lower()}")
            for task in self._tasks(run):
                if task["state_type"] in ("COMPLETED", "FAILED") and task["id"] not in seen:
                    seen.add(task["id"])
                    say(
                        f"    {task['name'].rsplit('-', 1)[0]}: {task['state_type'].lower()} ({task['total_run_time']:.1f} s)"
                    )
            if state in _FINAL:
                break
            if state in ("SCHEDULED", "PENDING") and not told and time.monotonic() > begin + _WORKER_SECONDS:
                told = True
                say("    no worker has begun it yet: if it stays so, see `just logs prefect-worker`")
            time.sleep(0.5)
        if state == "COMPLETED":
            return flow_run
        if state not in _FINAL:
            raise OperatorError(
                f"the flow run {run} has not ended within {seconds:.0f} s; it is {state.lower()}",
                f"see `just prefect-logs {run}`",
            )
        message = (flow_run["state"].get("message") or state.lower()).removeprefix(
            "Flow run encountered an exception: "
        )
        raise OperatorError(
            f"the pipeline did not finish: {message}",
            f"mend what it names and run it again; all of it is in `just prefect-logs {run}`",
        )

    def _tasks(self, run: str) -> list[dict[str, Any]]:
        body = {"flow_runs": {"id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
        tasks: list[dict[str, Any]] = self.call("POST", "/task_runs/filter", body)
        return tasks

    def result(self, run: str) -> dict[str, Any]:
        """The one row of the table artifact `train-result` that the run wrote."""
        body = {"artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": ["train-result"]}}, "limit": 1}
        found = self.call("POST", "/artifacts/filter", body)
        if not found:
            raise OperatorError(f"the flow run {run} completed without a result", f"see `just prefect-logs {run}`")
        data = found[0]["data"]
        rows: list[dict[str, Any]] = json.loads(data) if isinstance(data, str) else data
        return rows[0]
