"""Read recorded predictions and open alerts from the database, and store outcomes."""

import dataclasses
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime

import psycopg
from msgspec.structs import replace

from closecast.forecast.past import Forecast
from closecast.platform import forecasts
from closecast.platform.alerts import silences
from closecast.platform.alerts.outbox import KnownAlert, open_alerts
from closecast.platform.callers import acts, audit
from closecast.platform.database import connect
from closecast.platform.flow_runs import FlowRun, last_runs
from closecast.platform.journal import opinions, store
from closecast.platform.journal.outcomes import Outcome, OutcomeCounts, record_outcomes
from closecast.platform.mlflow.champions import Tenure, tenures
from closecast.platform.monitoring.answered import Answering, answered
from closecast.platform.monitoring.verdicts import Stored, latest
from services.api.problems import UnavailableError

_CONNECTIONS = 8  # at once; the database has other clients
_PATIENCE_S = 2.0


class Records:
    """Predictions, outcomes and alerts in the database at `address()`. Every method blocks: not for an event loop.

    Raises UnavailableError when the database cannot be reached. Each call opens a connection, which takes some
    milliseconds: these are rare, and none can be stale.
    """

    def __init__(
        self, address: Callable[[], str | None], identifier: Callable[[str], str] = lambda given: given
    ) -> None:
        """`identifier` gives a deal's identifier as it is recorded."""
        self._address, self._identifier = address, identifier
        self._places = threading.BoundedSemaphore(_CONNECTIONS)

    def ping(self) -> None:
        """Ask the database for nothing."""
        with self._connection() as connection:
            connection.execute("SELECT 1")

    def find(self, identifier: uuid.UUID, row: int | None) -> store.Recorded | None:
        """The prediction `row` (by default the first) of the request `identifier`, None when it is not known."""
        with self._connection() as connection:
            return store.find(connection, identifier, row)

    def record(self, outcomes: Sequence[Outcome], caller: str) -> OutcomeCounts:
        """Store all `outcomes`, at most one per deal, or none."""
        outcomes = [replace(one, opportunity_id=self._identifier(one.opportunity_id)) for one in outcomes]
        with self._connection() as connection:
            return record_outcomes(connection, outcomes, caller)

    def answered(self, day: date) -> tuple[list[Answering], list[Tenure]]:
        """The models that answered on `day`, and all champions in the order of time."""
        with self._connection() as connection:
            return answered(connection, day), tenures(connection)

    def opinions_on(self, opportunity_id: str) -> Sequence[opinions.Told]:
        """What people expect of the deal, the latest first. It is named as the model's data name it."""
        with self._connection() as connection:
            return opinions.opinions(connection, opportunity_id)

    def add_opinion(self, opinion: opinions.Opinion) -> opinions.Told:
        """Store an opinion."""
        with self._connection() as connection:
            return opinions.add_opinion(connection, opinion)

    def forecasts(self, source: str) -> Sequence[Forecast]:
        """The recorded forecasts of a source, in the order of time."""
        with self._connection() as connection:
            return forecasts.load(connection, source)

    def tenures(self) -> list[Tenure]:
        """All champions in the order of time."""
        with self._connection() as connection:
            return tenures(connection)

    def flow_runs(self) -> list[FlowRun]:
        """The last run of each flow, the latest first."""
        with self._connection() as connection:
            return last_runs(connection)

    def verdicts(self, limit: int) -> list[Stored]:
        """The last `limit` verdicts of monitoring, the latest day first."""
        with self._connection() as connection:
            return latest(connection, limit)

    def open_alerts(self) -> list[KnownAlert]:
        """The open alerts, the newest first."""
        with self._connection() as connection:
            return open_alerts(connection)

    def silences_in_force(self) -> list[silences.Silence]:
        """The silences in force, the first to end first."""
        with self._connection() as connection:
            return silences.silences(connection, datetime.now(UTC))

    def silence(self, wanted: silences.Silence, by: acts.By) -> tuple[silences.Silence, audit.Head]:
        """Add a silence, together with its entry in the audit log; `wanted` has no number yet."""
        with self._connection() as connection, connection.transaction():
            number = silences.silence(
                connection,
                rule=wanted.rule,
                labels=wanted.labels,
                until=wanted.until,
                who=wanted.who,
                why=wanted.why,
            )
            details = {"silence": number, "until": wanted.until.isoformat(timespec="seconds"), **wanted.labels}
            head = acts.log(connection, by, "alerts silenced", f"alerts {wanted.rule}", details)
            return dataclasses.replace(wanted, id=number), head

    def end_silence(self, number: int, by: acts.By) -> audit.Head | None:
        """End a silence, together with its entry in the audit log; None if none of this number is in force."""
        with self._connection() as connection, connection.transaction():
            if not silences.end_silence(connection, number):
                return None
            return acts.log(connection, by, "silence ended", f"silence {number}", {})

    @contextmanager
    def _connection(self) -> Iterator[store.Connection]:
        if not self._places.acquire(timeout=_PATIENCE_S):
            raise UnavailableError("too many requests wait for the database: ask again in a moment")
        try:
            url = self._address()
            if url is None:
                raise UnavailableError("the database has not been found yet: ask again in a moment")
            with closing(connect(url)) as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            reason = str(error).strip().splitlines()[0]
            raise UnavailableError(f"the database cannot be used now: {reason}: ask again in a moment") from error
        finally:
            self._places.release()
