"""What several flows do: read a source, check it into the lake, and tell an outage from a mistake."""

import os
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from closecast.platform import ingestion
from closecast.platform.dispatch import DispatchError
from closecast.platform.export_table import SourceAwayError
from closecast.platform.lake import Lake, LakeError
from closecast.platform.promotions import VARIABLE as PROMOTION_LOCK
from closecast.platform.registry import RegistryError
from closecast.platform.settings import DatabaseSettings, LakeSettings, RegistrySettings
from closecast.platform.sources import RawExport, read_source

PROJECT = Path(__file__).resolve().parents[1]
RETRY_SECONDS: list[float] = [2, 8]


def lake() -> Lake:
    """The lake that this process's environment names."""
    return Lake(LakeSettings.from_environment(os.environ))


def tracking_uri() -> str:
    """The address of the MLflow server that this process's environment names."""
    return RegistrySettings.from_environment(os.environ).tracking_uri


def promotion_lock() -> DatabaseSettings:
    """The database of the lock that whoever promotes holds, which this process's environment names."""
    return DatabaseSettings.from_environment(os.environ, PROMOTION_LOCK)


def outage(_task: "Task[..., Any]", _run: TaskRun, state: State[Any]) -> bool:
    """Only a server that is away comes back; a bad file stays bad."""
    return isinstance(state.result(raise_on_failure=False), LakeError | RegistryError | DispatchError | SourceAwayError)


class Progress:
    """A bar in Prefect's pages, from 0 to 100 %."""

    def __init__(self, key: str, description: str) -> None:
        # In a synchronous flow the call is synchronous; its type says either.
        self._artifact = cast(UUID, create_progress_artifact(progress=0.0, key=key, description=description))

    def at(self, share: float) -> None:
        """Show `share`, 0 to 1."""
        update_progress_artifact(self._artifact, progress=min(100.0, 100 * share))


@task(
    cache_policy=NO_CACHE, timeout_seconds=1800, retries=2, retry_delay_seconds=RETRY_SECONDS, retry_condition_fn=outage
)
def read(source: str, seed: int) -> RawExport:
    """The export as received."""
    return read_source(source, seed)


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=RETRY_SECONDS, retry_condition_fn=outage)
def ingest(export: RawExport, minimum_quality: float = ingestion.MINIMUM_QUALITY) -> ingestion.Ingested:
    """Check the rows and store them in the lake; stop when their quality is too low."""
    data = ingestion.ingest(export, lake(), minimum_quality)
    get_run_logger().info(
        "%s%s: %s", data.source, " (unchanged, taken from the lake)" if data.skipped else "", data.summary
    )
    create_table_artifact(
        table=data.quality.table(),
        key="data-quality",
        description=f"Quality of {data.source}: {data.quality.score:.3f}",
    )
    return data
