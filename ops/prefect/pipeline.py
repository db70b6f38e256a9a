"""Submit the training flow to Prefect and follow it to its end, through Prefect's REST API."""

import json
import time
from typing import Any

import httpx

from closecast.platform.prefect_http import PrefectAuth
from ops.cli.progress import say
from ops.errors import OperatorError
from ops.setup.credentials import Credentials
from services.prefect import MOST_ATTEMPTS, REPEATABLE

DEPLOYMENT = "train/closecast"
_WORKER_SECONDS = 30
# A worker that was killed with its run restarts before it restarts the run.
_AGAIN_SECONDS = 120
_FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class AwayError(OperatorError):
    """Prefect does not answer, or cannot, as while its database restarts."""


class Prefect:
    """A client of Prefect's API at `address`, the server's base URL without /api. The default password is ours."""

    def __init__(self, address: str, auth_string: str | None = None) -> None:
        self.address = address
        auth = PrefectAuth(auth_string or Credentials.load().prefect_auth_string)
        self._http = httpx.Client(base_url=f"{address}/api", timeout=30, auth=auth)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer, or None for an empty one. Raises AwayError, or OperatorError with Prefect's message."""
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise AwayError(
                f"Prefect does not answer at {self.address}: {error}", "see `just prefect-status`"
            ) from error
        if answer.status_code == 404:
            raise OperatorError(
                f"Prefect knows nothing at {path}",
                "`just prefect-deploy` registers the flows; `just prefect-status-all` lists them",
            )
        if answer.is_error:
            kind = AwayError if answer.is_server_error else OperatorError
            raise kind(f"Prefect answered {answer.status_code}: {answer.text[:400]}", "see `just logs prefect`")
        return answer.json() if answer.content else None

    def deployment(self, name: str) -> dict[str, Any]:
        """The deployment called `flow/deployment`."""
        found: dict[str, Any] = self.call("GET", f"/deployments/name/{name}")
        return found

    def variable(self, name: str) -> Any:
        """The value of a Prefect variable, None if there is none."""
        found = self.call("POST", "/variables/filter", {"variables": {"name": {"any_": [name]}}})
        return found[0]["value"] if found else None

    def set_variable(self, name: str, value: str) -> None:
        """Set a Prefect variable."""
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
        """Print each task as it ends until the run ends; returns the completed run.

        A crashed run is followed by its restart; outages of Prefect are waited for.
        Raises OperatorError with the flow's own message when it did not complete.
        """
        begin = time.monotonic()
        deadline, is_reported, away = begin + seconds, False, False
        seen: set[str] = set()
        state = ""
        while time.monotonic() < deadline:
            try:
                flow_run: dict[str, Any] = self.call("GET", f"/flow_runs/{run}")
                tasks = self._tasks(run)
                again = self._again(flow_run) if flow_run["state_type"] == "CRASHED" else None
            except AwayError as error:
                if not away:
                    say(f"    {error.problem}: the run goes on, and is followed when Prefect is back")
                away = True
                time.sleep(1)
                continue
            away = False
            if flow_run["state_type"] != state:
                state = flow_run["state_type"]
                say(f"  flow run {flow_run['name']}: {state.lower()}")
            for task in tasks:
                if task["state_type"] in ("COMPLETED", "FAILED") and task["id"] not in seen:
                    seen.add(task["id"])
                    say(
                        f"    {task['name'].rsplit('-', 1)[0]}: {task['state_type'].lower()} ({task['total_run_time']:.1f} s)"
                    )
            if again:
                say(f"    {flow_run['state'].get('message')}: it is tried again")
                run, state, begin, is_reported = again, "", time.monotonic(), False
                continue
            if state in _FINAL:
                break
            if state in ("SCHEDULED", "PENDING") and not is_reported and time.monotonic() > begin + _WORKER_SECONDS:
                is_reported = True
                say(
                    "    no worker has begun it yet: another run of the flow may be under way (`just prefect-status`); "
                    "else see `just logs prefect-worker`"
                )
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
            f"correct what it names and run it again; the whole log is in `just prefect-logs {run}`",
        )

    def _again(self, crashed: dict[str, Any]) -> str | None:
        """Wait for the restart of a crashed run and return its id; None if there will be none."""
        if REPEATABLE not in crashed["tags"] or f"attempt-{MOST_ATTEMPTS}" in crashed["tags"]:
            return None
        body = {"flow_runs": {"idempotency_key": {"any_": [f"after-{crashed['id']}"]}}}
        deadline = time.monotonic() + _AGAIN_SECONDS
        while not (found := self.call("POST", "/flow_runs/filter", body)):
            if time.monotonic() > deadline:
                return None
            time.sleep(1)
        return str(found[0]["id"])

    def _tasks(self, run: str) -> list[dict[str, Any]]:
        body = {"flow_runs": {"id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"}
        tasks: list[dict[str, Any]] = self.call("POST", "/task_runs/filter", body)
        return tasks

    def result(self, run: str, key: str = "train-result") -> dict[str, Any]:
        """The single row of the run's table artifact `key`."""
        body = {"artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": [key]}}, "limit": 1}
        found = self.call("POST", "/artifacts/filter", body)
        if not found:
            raise OperatorError(f"the flow run {run} completed without a result", f"see `just prefect-logs {run}`")
        data = found[0]["data"]
        rows: list[dict[str, Any]] = json.loads(data) if isinstance(data, str) else data
        return rows[0]
