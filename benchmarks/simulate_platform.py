"""A platform of its own for benchmarks/simulate.py, from `just up` to `just down --purge`, and what is asked of it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.children import end
from benchmarks.simulate_records import Records
from closecast.platform.database import connect as connected
from closecast.platform.mlflow.registry import ModelRegistry
from ops.api.client import Api
from ops.errors import OperatorError
from ops.nomad import jobs, ports
from ops.nomad.session import Session, connect
from ops.paths import LOCAL_VARS, PROJECT
from ops.prefect.pipeline import Prefect

_PORTS = (4646, 4647, 4648, 4649, 8000, 8443, 8501, 5000, 4200)
_LEFT_OUT = (
    ".git",
    ".venv",
    ".venv-localstack",
    ".venv-checks",
    ".closecast",
    "__pycache__",
    ".*_cache",
    ".terraform*",
)
_UP_SECONDS, _DOWN_SECONDS, _FLOW_SECONDS, _PAUSE = 1_500, 300, 1_200, 0.5
_FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_COLUMNS = ("opportunity_id", "sales_agent", "product", "account", "engage_date", "deal_stage")


@contextmanager
def running(export: pd.DataFrame) -> Iterator["Platform"]:
    """Bring a platform up whose source is a file with `export`, and take it down with all it made, however this ends.

    It is that of a copy of this clone in a temporary folder, so that neither the data nor the environments of this clone's own
    platform are touched. Raises OperatorError where another platform of this machine is up.
    """
    taken = [port for port in _PORTS if not ports.is_free(port)]
    if taken:
        raise OperatorError(
            f"another platform is up on this machine: {ports.holder(taken[0])} holds port {taken[0]}",
            "the simulation needs its own; take the other one down first: just down",
        )
    room = Path(tempfile.mkdtemp(prefix="closecast-simulate-"))
    # The services' accounts pass through it.
    room.chmod(0o755)
    os.environ["CLOSECAST_STATE"] = str(room / "state")
    clone = room / "clone"
    try:
        shutil.copytree(PROJECT, clone, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        file = room / "export.csv"
        _write(export, file)
        _just(clone, _UP_SECONDS, "up", "--source", f"file:{file}")
        with closing(Platform(clone, file, connect().managing())) as platform:
            yield platform
    finally:
        signal.alarm(0)  # a time limit of the caller's must not interrupt this, which has its own
        if (clone / "just").exists():
            _just(clone, _DOWN_SECONDS, "down", "--purge")
        shutil.rmtree(room)


@dataclass(frozen=True)
class Look:
    """What the flow `monitor` said of a day, and what was done."""

    day: date
    verdict: str
    reasons: tuple[str, ...]
    model_version: str
    done: tuple[str, ...]


class Platform:
    """The running platform, as its operator and as a caller of its API."""

    def __init__(self, clone: Path, file: Path, session: Session) -> None:
        self._clone, self._file, self._session = clone, file, session
        self._api = Api(jobs.address(session.cluster, "api"), session.credentials.api_key)
        self._prefect = Prefect(jobs.address(session.cluster, "prefect"))

    def close(self) -> None:
        """Close the connection to the database."""
        self.records.close()

    @cached_property
    def records(self) -> Records:
        """What the platform has in its database."""
        address = jobs.address(self._session.cluster, "postgres").removeprefix("postgresql://")
        password = self._session.credentials.closecast_database_password
        return Records(connected(f"postgresql://closecast:{password}@{address}/closecast"))

    @cached_property
    def registry(self) -> ModelRegistry:
        """The registry, as MLflow's user who may do everything."""
        credentials = self._session.credentials
        return ModelRegistry(jobs.address(self._session.cluster, "mlflow"), login=credentials.mlflow_login)

    def just(self, *arguments: str) -> None:
        """Run a command of the operator's. Raises OperatorError with what it printed."""
        _just(self._clone, _DOWN_SECONDS, *arguments)

    def hurry(self) -> None:
        """Have the journal close its batches after seconds: a simulated week takes less than the quarter of an hour that it is."""
        file = str(jobs.file("journal"))
        done = self._session.cli.run(
            "job", "run", "-detach", f"-var-file={LOCAL_VARS}", "-var", "archive_seconds=5", file
        )
        if done.returncode:
            raise OperatorError(f"Nomad did not take the journal's job: {done.stderr}", "see jobs/journal.nomad.hcl")
        self._until(lambda: jobs.health(self._session.cluster, "journal").healthy, 120, "the health of the journal")

    def export(self, shown: pd.DataFrame) -> None:
        """Replace the file that is the platform's source."""
        _write(shown, self._file)

    def tell(self, closed: pd.DataFrame) -> int:
        """Post the outcomes of closed deals; returns how many were new."""
        if not len(closed):
            return 0
        told = [
            {"opportunity_id": row.opportunity_id, "deal_stage": row.deal_stage, "close_date": row.close_date}
            for row in closed.itertuples()
        ]
        return int(self._api.call("POST", "/v1/outcomes", json={"outcomes": told})["added"])

    def ask(self, open_deals: pd.DataFrame, as_of: date, horizon: int) -> tuple[str, int]:
        """Ask about deals in one batch, and wait until it is recorded; returns the model's version and how many were scored."""
        rows = open_deals[list(_COLUMNS)].to_dict("records")
        deals = [{name: value for name, value in row.items() if value} for row in rows]
        body = {"deals": deals, "as_of": as_of.isoformat(), "horizon": horizon}
        answer = self._api.call("POST", "/v1/predictions/batch", json=body)
        scored = sum("probability" in one for one in answer["predictions"])
        self._until(lambda: self.records.recorded(answer["id"]) == scored, 120, "the record of a batch")
        return str(answer["model"]["version"]), scored

    def look(self, day: date) -> Look:
        """Run the flow `monitor` as of the end of `day`, and wait for a retraining that it starts."""
        at = f"{day}T22:00:00+00:00"
        said = self._run("monitor/closecast", {"day": day.isoformat(), "at": at})
        self._until(lambda: not self.records.is_retraining(), _FLOW_SECONDS, "the end of the retraining")
        return Look(day, said["verdict"], tuple(said["reasons"]), said.get("model_version", ""), tuple(said["done"]))

    def settle(self) -> None:
        """Wait until the API serves the champion, and the version in shadow has scored every closed batch."""
        champion = self.registry.champion_identity()
        assert champion is not None  # `up` ends with one
        self._until(
            lambda: self._api.call("GET", "/v1/model")["run_id"] == champion.run_id, 120, "the API's new champion"
        )
        shadow = self.registry.shadow_identity()
        if shadow is not None:
            self._until(lambda: self.records.unscored(shadow.run_id) == 0, 180, "scoring in shadow")

    def _run(self, deployment: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Run a flow to its end, and return its result."""
        run = self._prefect.submit(deployment, parameters)
        ended: dict[str, Any] = {}

        def has_ended() -> bool:
            ended.update(self._prefect.call("GET", f"/flow_runs/{run}"))
            return ended["state_type"] in _FINAL

        self._until(has_ended, _FLOW_SECONDS, f"the end of {deployment}")
        if ended["state_type"] != "COMPLETED":
            raise OperatorError(
                f"{deployment} ended as {ended['state_type']}: {ended['state'].get('message')}", "see it"
            )
        return self._prefect.result(run, "monitor-result")

    def _until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise OperatorError(f"waited {seconds:.0f} s in vain for {what}", "see `just status` and `just logs`")
            time.sleep(_PAUSE)


def _write(export: pd.DataFrame, file: Path) -> None:
    partial = file.with_suffix(".partial")
    export.to_csv(partial, index=False)
    partial.chmod(0o644)
    partial.replace(file)


def _just(clone: Path, seconds: float, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CLOSECAST_STARTED"}
    command = [sys.executable, str(clone / "just"), *arguments]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, cwd=clone, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            end(process)
        output.seek(0)
        printed = output.read()[-3_000:]
    if status != 0:
        ended = f"took more than {seconds:.0f} s" if status is None else "failed"
        raise OperatorError(f"`just {' '.join(arguments)}` {ended}: {printed}", "correct what it names")
