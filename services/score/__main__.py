"""Score one Parquet file of the lake with one model version: `python -m services.score`."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from closecast.deals.horizon import Horizon
from closecast.models.deal_model import ModelError
from closecast.platform.batch import scoring_run
from closecast.platform.batch.scoring import BatchError, RowCounts, score_parquet
from closecast.platform.forget import forgotten
from closecast.platform.lake.store import Lake, LakeError
from closecast.platform.mlflow.http import DeniedError
from closecast.platform.mlflow.registry import Identity, ModelRegistry, RegistryError
from closecast.platform.runtime import logs
from closecast.platform.runtime.retry import AwayError, retry
from closecast.platform.settings import PSEUDONYM_KEY, LakeSettings, RegistrySettings, SettingsError, required
from closecast.scoring.question import read_horizon

_LOG = logging.getLogger("services.score")  # it is run as __main__

_NEEDED = (
    "CLOSECAST_SOURCE",
    "CLOSECAST_TARGET",
    "CLOSECAST_AS_OF",
    "CLOSECAST_HORIZON",
    "CLOSECAST_MODEL_VERSION",
    "CLOSECAST_MODEL_RUN",
    "CLOSECAST_MODEL_SHA256",
    "CLOSECAST_MODEL_CACHE",
)
_RETRY_SECONDS = 180.0


@dataclass(frozen=True)
class Task:
    """The task: source and target object, as-of date, horizon, and model."""

    source: str
    target: str
    as_of: date
    horizon: Horizon
    model: Identity
    cache: Path
    lake: LakeSettings
    registry: RegistrySettings
    pseudonym_key: str | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Task":
        """Read the task. Raises SettingsError naming the variable that is missing or unusable."""
        for name in _NEEDED:
            required(environment, name)
        try:
            as_of = date.fromisoformat(environment["CLOSECAST_AS_OF"])
            asked = read_horizon(environment["CLOSECAST_HORIZON"])
        except ValueError as error:
            raise SettingsError(f"CLOSECAST_AS_OF or CLOSECAST_HORIZON is unusable: {error}") from error
        return cls(
            environment["CLOSECAST_SOURCE"],
            environment["CLOSECAST_TARGET"],
            as_of,
            asked,
            Identity(
                environment["CLOSECAST_MODEL_VERSION"],
                environment["CLOSECAST_MODEL_RUN"],
                environment["CLOSECAST_MODEL_SHA256"],
            ),
            Path(environment["CLOSECAST_MODEL_CACHE"]),
            LakeSettings.from_environment(environment),
            RegistrySettings.from_environment(environment),
            environment.get(PSEUDONYM_KEY) or None,
        )


def run(task: Task) -> RowCounts:
    """Score the source object. The target appears only when it is complete.

    Raises BatchError when the source object itself cannot be scored.
    """
    lake = Lake(task.lake)
    registry = ModelRegistry(task.registry.tracking_uri, task.registry.trusted, task.registry.login)
    served = registry.served(task.model, task.cache)
    by = forgotten.pseudonymiser(lake, task.pseudonym_key)
    with _fetched(lake, task.source) as source, lake.writing(task.target) as target:
        scored = score_parquet(
            served.model,
            served.version,
            source,
            target,
            task.as_of,
            task.horizon,
            run_id=served.identity.run_id,
            by=by,
        )
    scoring_run.accept(lake, task.target)
    return scored


@contextmanager
def _fetched(lake: Lake, key: str) -> Iterator[Any]:
    with lake.fetched(key) as source:
        if not source.seek(0, os.SEEK_END):
            raise BatchError("the input is empty: 0 bytes")
        source.seek(0)
        yield source


def main() -> None:
    logs.configure()
    try:
        task = Task.from_environment(os.environ)
        # Retry outages here: another process start would cost more, and Nomad limits restarts.
        scored = retry(lambda: run(task), _RETRY_SECONDS, _LOG.info, (AwayError, RegistryError), (DeniedError,))
    except BatchError as error:
        scoring_run.refuse(Lake(task.lake), task.target, required(os.environ, "NOMAD_JOB_ID"), str(error))
        # A success for Nomad, which would retry a failure for minutes: this file will not change.
        _LOG.warning("%s is refused: %s", task.source, error)
    except (SettingsError, LakeError, RegistryError, ModelError, ValueError) as error:
        sys.exit(f"score: {error}")
    else:
        _LOG.info("%d rows, %d of them cannot be scored", scored.rows, scored.refused)


if __name__ == "__main__":
    main()
