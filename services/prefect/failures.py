"""The last run of each flow, and an alert for each whose last run has failed or crashed, until one completes."""

import logging
import time
from contextlib import closing

import psycopg

from closecast.platform.alerts.alert import Alert
from closecast.platform.alerts.outbox import fire, resolve
from closecast.platform.database import connect_migrated
from closecast.platform.flow_runs import FlowRun, State, note
from services.prefect.runs import Run, Runs

_LOG = logging.getLogger("services.prefect.failures")

RULE = "flow_failed"
_LOOK_SECONDS = 30.0


class Failures:
    """Looks at the last runs of all flows, and writes what has changed into the outbox in the database at `url`."""

    def __init__(self, runs: Runs, url: str) -> None:
        self._runs, self._url = runs, url
        self._written: dict[str, str] = {}  # the last run that was written about, by flow
        self._looked = float("-inf")
        self._problem = ""

    def look(self) -> None:
        """Look, unless that was just done. Raises httpx.HTTPError; a database that is away is asked again later."""
        if time.monotonic() < self._looked + _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        ended = {flow: run for flow, run in self._runs.last_ends().items() if self._written.get(flow) != run.id}
        if not ended:
            return
        try:
            with closing(connect_migrated(self._url)) as connection, connection.transaction():
                note(connection, [self._noted(flow, run) for flow, run in ended.items()])
                for flow, run in ended.items():
                    if run.state == "COMPLETED":
                        resolve(connection, RULE, flow)
                    else:
                        fire(connection, self._alert(flow, run))
        except psycopg.Error as error:
            problem = type(error).__name__
            if problem != self._problem:
                _LOG.warning("alerts of flow runs cannot be written down now: %s", problem)
            self._problem = problem
            return
        self._problem = ""
        self._written |= {flow: run.id for flow, run in ended.items()}

    def _noted(self, flow: str, run: Run) -> FlowRun:
        state: State = "completed" if run.state == "COMPLETED" else "crashed" if run.state == "CRASHED" else "failed"
        return FlowRun(flow, run.name, state, run.message, run.started, run.since, self._runs.page(run))

    def _alert(self, flow: str, run: Run) -> Alert:
        return Alert(
            rule=RULE,
            key=flow,
            severity="note",
            summary=f"The flow {flow} has {'crashed' if run.state == 'CRASHED' else 'failed'}",
            description=f"{run.name}: {run.message or run.state}",
            links={"run": self._runs.page(run)},
            labels={"flow": flow},
        )
