"""Shared steps of flows: read a source, ingest it into the lake, and retry after outages."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar, cast
from uuid import UUID

import psycopg
from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task
from prefect.variables import Variable
from pydantic import Field

from closecast.deals.calendar import FiscalCalendar
from closecast.deals.mapping import document
from closecast.deals.mapping.document import Mapping
from closecast.deals.pseudonyms import Pseudonymiser
from closecast.platform.alerts import rules
from closecast.platform.alerts.rules import Rules
from closecast.platform.database import connect_migrated
from closecast.platform.forget import forgotten
from closecast.platform.journal.store import Connection
from closecast.platform.lake import ingestion
from closecast.platform.lake.store import Lake
from closecast.platform.mlflow.http import DeniedError
from closecast.platform.mlflow.promotions import VARIABLE as PROMOTION_LOCK
from closecast.platform.mlflow.registry import ModelRegistry, NoChampionError, RegistryError
from closecast.platform.monitoring.retraining import Trainings
from closecast.platform.runtime.retry import AwayError
from closecast.platform.settings import (
    MAPPING_VARIABLE,
    PROMOTION_DEFAULT,
    PROMOTION_VARIABLE,
    PSEUDONYM_KEY,
    SOURCE_VARIABLE,
    WATCH_DAYS,
    WATCH_VARIABLE,
    DatabaseSettings,
    LakeSettings,
    PrefectSettings,
    RegistrySettings,
)
from closecast.platform.shadow.decision import POLICIES, Policy
from closecast.platform.sources.errors import SourceAwayError, SourceError
from closecast.platform.sources.export import RawExport, read_source

MONITORING_URL = "CLOSECAST_MONITORING_URL"  # URL of the database, with the role of monitoring
PROJECT = Path(__file__).resolve().parents[1]
# Together longer than a server takes to restart, or Nomad to be brought up again.
_PAUSES: list[float] = [2, 8, 20, 40, 60]  # seconds
P = ParamSpec("P")
R = TypeVar("R")


def lake() -> Lake:
    """The lake of this process's environment."""
    return Lake(LakeSettings.from_environment(os.environ))


def tracking_uri() -> str:
    """The address of the MLflow server of this process's environment."""
    return RegistrySettings.from_environment(os.environ).tracking_uri


def registry() -> ModelRegistry:
    """The model registry of this process's environment, which loads only models signed by a trusted key."""
    settings = RegistrySettings.from_environment(os.environ)
    return ModelRegistry(settings.tracking_uri, settings.trusted, settings.login)


def promotion_lock() -> DatabaseSettings:
    """The database of the promotion lock, of this process's environment."""
    return DatabaseSettings.from_environment(os.environ, PROMOTION_LOCK)


def monitoring() -> Connection:
    """A connection to Closecast's database with the rights of monitoring. Raises psycopg.OperationalError."""
    return connect_migrated(DatabaseSettings.from_environment(os.environ, MONITORING_URL).url)


def alert_rules() -> Rules:
    """The rules of alerts. Raises RulesError."""
    return rules.load(PROJECT / "policies" / "alerts")


def prefect_pages() -> str:
    """The address of Prefect's pages."""
    return PrefectSettings.from_environment(os.environ).api_url.removesuffix("/api")


def trainings() -> Trainings:
    """The runs of retrainings in the Prefect server of this process's environment."""
    return Trainings(PrefectSettings.from_environment(os.environ).api_url, os.environ.get("PREFECT_API_AUTH_STRING"))


def promotion_policy() -> Policy:
    """Whether a challenger that outcomes prove better is promoted by itself. Raises ValueError for an unknown policy."""
    value = Variable.get(PROMOTION_VARIABLE, default=PROMOTION_DEFAULT)
    if value not in POLICIES:
        raise ValueError(
            f"the Prefect variable {PROMOTION_VARIABLE} is {value!r}: set it by `just shadow --policy {PROMOTION_DEFAULT}`"
        )
    return POLICIES[str(value)]


def watch_days() -> int:
    """How many days a former champion stays in shadow. Raises ValueError for a value that is no number of days."""
    value = str(Variable.get(WATCH_VARIABLE, default=str(WATCH_DAYS)))
    if not (value.isascii() and value.isdecimal()):
        raise ValueError(
            f"the Prefect variable {WATCH_VARIABLE} is {value!r}: set it by `just shadow --days {WATCH_DAYS}`"
        )
    return int(value)


def outage(_task: "Task[..., Any]", _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failed task should be retried: outages end, but a bad file or a wrong password does not change."""
    error = state.result(raise_on_failure=False)
    lasting = NoChampionError | DeniedError
    return isinstance(error, AwayError | RegistryError | SourceAwayError | psycopg.OperationalError) and not isinstance(
        error, lasting
    )


def retried(timeout_seconds: int | None = None) -> "Callable[[Callable[P, R]], Task[P, R]]":
    """A task that is retried after an outage, and never takes its result from a cache."""
    return task(
        cache_policy=NO_CACHE,
        timeout_seconds=timeout_seconds,
        retries=len(_PAUSES),
        retry_delay_seconds=_PAUSES,
        retry_condition_fn=outage,
    )


FirstMonth = Annotated[int, Field(ge=1, le=12)]


@retried()
def fiscal_calendar(first_month: int | None) -> FiscalCalendar:
    """The fiscal year that begins with `first_month`, by default the champion's, else the calendar year."""
    return registry().champion_fiscal() if first_month is None else FiscalCalendar(first_month)


def pseudonyms() -> Pseudonymiser | None:
    """What replaces forgotten and pseudonymised values; None in a process without the key while nothing was forgotten."""
    return forgotten.pseudonymiser(lake(), os.environ.get(PSEUDONYM_KEY))


class Progress:
    """A progress bar in Prefect's pages, from 0 to 100 %."""

    def __init__(self, key: str, description: str) -> None:
        # In a synchronous flow the call is synchronous; its type allows both.
        self._artifact = cast(UUID, create_progress_artifact(progress=0.0, key=key, description=description))

    def at(self, share: float) -> None:
        """Show `share`, 0 to 1."""
        update_progress_artifact(self._artifact, progress=min(100.0, 100 * share))


@retried(timeout_seconds=1800)
def read(source: str | None, seed: int, mapping: str | None = None) -> RawExport:
    """Read the export from `source`, or if None from the platform's own source with the platform's own mapping.

    `mapping` is the text of a mapping file. Raises SourceError.
    """
    if source is not None:
        return described(read_source(source, seed, mapping=parsed(mapping), pseudonyms=pseudonyms()))
    own = platform_source()
    get_run_logger().info("source: %s, the platform's", own)
    try:
        known = parsed(mapping or platform_mapping())
        return described(read_source(own, seed, mapping=known, pseudonyms=pseudonyms()))
    except SourceError as error:
        raise type(error)(
            f"the platform's source {own} cannot be used: {error}; fix that, or set another by `just up --source …`"
        ) from error


def parsed(mapping: str | None) -> Mapping | None:
    """The mapping in a text, None for none. Raises SourceError."""
    try:
        return document.parse(mapping) if mapping else None
    except document.MappingError as error:
        raise SourceError(str(error)) from error


def described(export: RawExport) -> RawExport:
    """`export`, after how it was read has been logged."""
    if words := export.describe():
        get_run_logger().info("%s: %s", export.name, words)
    return export


def platform_mapping() -> str | None:
    """The text of the mapping that `just up` set; None where the source needs none."""
    value = Variable.get(MAPPING_VARIABLE)
    return value if isinstance(value, str) and value else None


def platform_source() -> str:
    """The source that `just up` has set.

    Raises SourceError when there is none: there is no fallback to synthetic data.
    """
    value = Variable.get(SOURCE_VARIABLE)
    if not isinstance(value, str) or not value:
        raise SourceError(
            f"no source is named, and the Prefect variable {SOURCE_VARIABLE} is {value!r}: run `just up`, which sets it, or name a source"
        )
    return value


@retried()
def ingest(
    export: RawExport, minimum_quality: float = ingestion.MINIMUM_QUALITY, as_of: date | None = None
) -> ingestion.Ingested:
    """Check the rows and store them in the lake; fail when their quality is too low."""
    data = ingestion.ingest(export, lake(), minimum_quality, as_of)
    get_run_logger().info(
        "%s%s: %s", data.source, " (unchanged, taken from the lake)" if data.skipped else "", data.summary
    )
    create_table_artifact(
        table=data.quality.table(),
        key="data-quality",
        description=f"Quality of {data.source}: {data.quality.score:.3f}",
    )
    return data
