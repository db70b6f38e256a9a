"""Create or update the work pool and its deployments in Prefect.

`python -m flows.deployments` needs PREFECT_API_URL and is idempotent. What it has set is stored in a
Prefect variable per deployment, so that a user's changes can be distinguished from its own the next time.
"""

import asyncio
import json
import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
    VariableCreate,
    VariableUpdate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.utilities.callables import parameter_schema_from_entrypoint

from closecast.platform.settings import PrefectSettings, SettingsError
from flows.merge import merged

WORK_POOL = "closecast"
NAME = "closecast"
_SLUG, _ZONE = "regular", "UTC"
_MEMORY = "closecast_deployed_"
# The tag of runs that the worker restarts from the beginning after a crash.
REPEATABLE = "repeatable"
PROJECT = Path(__file__).resolve().parents[1]
# A worker on this machine changes into the project's folder before it runs the entry point.
PULL_STEPS = [{"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}]
# Prefect's default template lets a run set its command, folder and environment: here a run may set none of them.
_TEMPLATE = {
    "job_configuration": {
        # A run retries after 2, 4, 8 … seconds while Prefect's server is away: eight and a half minutes in all.
        "env": {"PREFECT_CLIENT_MAX_RETRIES": "8"},
        "stream_output": True,
    },
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}
# What earlier versions set on each deployment.
_BEFORE = {"env": {"PREFECT_CLIENT_MAX_RETRIES": "8"}}


@dataclass(frozen=True)
class Deployment:
    """The deployment of one flow.

    Schedules start paused, so that no machine trains unasked; `just prefect-resume` starts them. Only `monitor`
    and `forecast`, which train nothing that serves, are active from the beginning.
    """

    flow: str
    description: str
    cron: str | None
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    # Whether a crashed run may be restarted automatically: its work so far is found again, or repeated without harm.
    repeatable: bool = True
    starts_paused: bool = True

    @property
    def entrypoint(self) -> str:
        return f"flows/{self.flow}.py:{self.flow}"

    def settings(self) -> dict[str, Any]:
        """The settings that a user may change, except the schedule, as plain data."""
        return {
            "description": self.description,
            "parameters": self.parameters,
            "tags": [*self.tags, *([REPEATABLE] if self.repeatable else [])],
            "work_pool_name": WORK_POOL,
            "work_queue_name": self.flow,
            "job_variables": {},
            # Not a concurrency limit of the deployment: its leases end runs that cannot renew them while the server restarts.
            "concurrency_limit": None,
            "concurrency_options": None,
        }


INVENTORY = (
    Deployment("ingest", "Ingest a source into the lake, checked.", "0 5 * * *", tags=("data",)),
    Deployment("eda", "Write an exploratory report of a source.", "30 5 * * 1", tags=("data",)),
    Deployment(
        "train", "Train a model on a source, and promote it if the gate accepts it.", "0 6 * * 1", tags=("model",)
    ),
    Deployment(
        "tune",
        "Search hyperparameters on dispatched Nomad allocations, then train.",
        "0 1 1 * *",
        tags=("model", "nomad"),
    ),
    Deployment(
        "evaluate",
        "Measure a candidate against the baselines and the gate at one or more cuts.",
        "0 7 * * 1",
        tags=("model",),
    ),
    Deployment(
        "monitor",
        "Judge the served model by outcomes and by what it sees, and have it retrained when it is harmful.",
        "30 6 * * *",
        tags=("model", "monitoring"),
        starts_paused=False,
    ),
    Deployment(
        "forecast",
        "Record the forecast of the quarter's revenue, and what those of past weeks would have been.",
        "45 6 * * *",
        tags=("forecast",),
        starts_paused=False,
    ),
    Deployment(
        "retrain", "One attempt of a training that a harmful verdict asked for.", None, tags=("model", "monitoring")
    ),
    Deployment(
        "score",
        "Score Parquet files of the lake on dispatched Nomad allocations.",
        None,
        tags=("scoring", "nomad"),
    ),
)


async def deploy() -> list[str]:
    """Create or update the work pool and all deployments of INVENTORY; returns lines that say what was done.

    A user's changes since the last time are kept: parameters, schedule, tags, work pool, limit, description, paused.
    """
    async with get_client() as client:
        lines = [await _work_pool(client)]
        for one in INVENTORY:
            lines += await _deployment(client, one)
        return [*lines, *await _gone(client)]


async def _work_pool(client: PrefectClient) -> str:
    name = f"work pool {WORK_POOL} (process)"
    with suppress(ObjectAlreadyExists):  # the worker may create it at the same time
        try:
            found = await client.read_work_pool(WORK_POOL)
        except ObjectNotFound:
            await client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process", base_job_template=_TEMPLATE))
            return f"{name}: created"
        if found.base_job_template == _TEMPLATE:
            return f"{name}: already there"
    # The template is the worker's default, or that of an earlier version.
    await client.update_work_pool(WORK_POOL, WorkPoolUpdate(base_job_template=_TEMPLATE))
    return f"{name}: up to date"


async def _deployment(client: PrefectClient, one: Deployment) -> list[str]:
    name = f"{one.flow}/{NAME}"
    schema = parameter_schema_from_entrypoint(one.entrypoint).model_dump_for_openapi()
    await _queue(client, one.flow)
    try:
        found = await client.read_deployment_by_name(name)
    except ObjectNotFound:
        await _create(client, one, schema)
        await _remember(client, one)
        return [f"deployment {name}: created, {'paused' if one.starts_paused else 'active'}"]
    base, theirs = await _remembered(client, one), _settings(found)
    settings, notes = merged(base, one.settings(), theirs | _without_variables(theirs), schema)
    if settings["work_pool_name"] == WORK_POOL and theirs["job_variables"] not in ({}, _BEFORE):
        notes.append(f"removed: job variables {json.dumps(theirs['job_variables'])}: runs of this work pool take none")
    if settings["work_pool_name"] != WORK_POOL:
        settings["work_queue_name"] = theirs["work_queue_name"]
    # Only differences; the queue together with its pool, because Prefect takes a queue's name alone for another pool's.
    changed = {name: value for name, value in settings.items() if value != theirs[name]}
    if "work_queue_name" in changed:
        changed["work_pool_name"] = settings["work_pool_name"]
    update = DeploymentUpdate(
        **changed,
        entrypoint=one.entrypoint,
        pull_steps=PULL_STEPS,
        parameter_openapi_schema=schema,
        enforce_parameter_schema=True,
    )
    await client.update_deployment(found.id, update)
    notes += await _schedule(client, found, base["cron"], one.cron)
    await _remember(client, one)
    return [f"deployment {name}: up to date", *(f"deployment {name}: {note}" for note in notes)]


def _without_variables(theirs: dict[str, Any]) -> dict[str, Any]:
    """Remove job variables: our work pool has none, so there is nothing of a user's to keep; another pool may have some."""
    return {"job_variables": {}} if theirs["work_pool_name"] == WORK_POOL else {}


async def _queue(client: PrefectClient, flow: str) -> None:
    """Create the flow's own queue with a limit of one run, because two would compete for the same memory and the same alias."""
    try:
        await client.read_work_queue_by_name(flow, WORK_POOL)
    except ObjectNotFound:
        await client.create_work_queue(flow, work_pool_name=WORK_POOL, concurrency_limit=1)


async def _create(client: PrefectClient, one: Deployment, schema: dict[str, Any]) -> None:
    await client.create_deployment(
        flow_id=await client.create_flow_from_name(one.flow),
        name=NAME,
        entrypoint=one.entrypoint,
        pull_steps=PULL_STEPS,
        parameter_openapi_schema=schema,
        enforce_parameter_schema=True,
        schedules=[] if one.cron is None else [_regular(one.cron)],
        paused=one.starts_paused,
        **one.settings(),
    )


def _settings(found: DeploymentResponse) -> dict[str, Any]:
    """The server's values of the settings in `Deployment.settings`."""
    limit = found.global_concurrency_limit
    options = found.concurrency_options
    return {
        "description": found.description,
        "parameters": found.parameters,
        "tags": found.tags,
        "work_pool_name": found.work_pool_name,
        "work_queue_name": found.work_queue_name,
        "job_variables": found.job_variables,
        "concurrency_limit": None if limit is None else limit.limit,
        "concurrency_options": None if options is None else options.model_dump(mode="json", exclude_none=True),
    }


def _regular(cron: str, **kept: Any) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(schedule=CronSchedule(cron=cron, timezone=_ZONE), slug=_SLUG, **kept)


async def _schedule(client: PrefectClient, found: DeploymentResponse, base: str | None, ours: str | None) -> list[str]:
    """Update our schedule unless a user has changed it; a user's own schedules are not touched."""
    theirs = next((one for one in found.schedules if one.slug == _SLUG), None)
    if theirs is None:
        if ours is None or base is not None:
            return ["kept: without the schedule " + ours] if ours else []
        await client.create_deployment_schedules(found.id, [_regular(ours)])
        return [f"new: schedule {ours} {_ZONE}"]
    notes = [] if theirs.active else [f"kept: the schedule {_in_words(theirs.schedule)} is turned off"]
    if base is None or theirs.schedule != CronSchedule(cron=base, timezone=_ZONE):
        if ours is not None and theirs.schedule == CronSchedule(cron=ours, timezone=_ZONE):
            return notes
        wanted = "has none" if ours is None else f"has {ours} {_ZONE}"
        return [*notes, f"kept: schedule {_in_words(theirs.schedule)}, where the inventory {wanted}"]
    if ours == base:
        return notes
    # Updating a schedule in Prefect would empty its parameters, so it is recreated.
    await client.delete_deployment_schedule(found.id, theirs.id)
    if ours is None:
        return [f"removed: schedule {base} {_ZONE}, which the inventory no longer has"]
    kept = {"active": theirs.active, "parameters": theirs.parameters, "max_scheduled_runs": theirs.max_scheduled_runs}
    await client.create_deployment_schedules(found.id, [_regular(ours, **kept)])
    return [*notes, f"changed: schedule {ours} {_ZONE}, before {base}"]


def _in_words(schedule: Any) -> str:
    return " ".join(str(value) for value in schedule.model_dump(mode="json", exclude_defaults=True).values())


async def _gone(client: PrefectClient) -> list[str]:
    """Pause former deployments once: their flows no longer exist."""
    lines = []
    known = {_variable(one.flow) for one in INVENTORY}
    for variable in await client.read_variables():
        if not variable.name.startswith(_MEMORY) or variable.name in known:
            continue
        name = f"{json.loads(str(variable.value))['flow']}/{NAME}"
        try:
            found = await client.read_deployment_by_name(name)
        except ObjectNotFound:
            lines.append(f"deployment {name}: no longer in the inventory, and deleted")
        else:
            await client.update_deployment(found.id, DeploymentUpdate(paused=True))
            lines.append(
                f"deployment {name}: no longer in the inventory: paused; delete it with `prefect deployment delete {name}`"
            )
        await client.delete_variable_by_name(variable.name)
    return lines


def _variable(flow: str) -> str:
    return f"{_MEMORY}{re.sub(r'[^a-z0-9]', '_', flow)}"


async def _remembered(client: PrefectClient, one: Deployment) -> dict[str, Any]:
    """The settings of the last deployment.

    Early versions did not store them; theirs differ little from this version's.
    """
    variable = await client.read_variable_by_name(_variable(one.flow))
    if variable is not None:
        return dict(json.loads(str(variable.value)))
    before = {
        "parameters": {"source": "synthetic"} if one.cron is not None else {},
        "tags": list(one.tags),
        "work_queue_name": "default",
        "job_variables": {},
        "concurrency_limit": 1,
        "concurrency_options": {"collision_strategy": ConcurrencyLimitStrategy.ENQUEUE.value},
    }
    return {**one.settings(), **before, "cron": one.cron}


async def _remember(client: PrefectClient, one: Deployment) -> None:
    name, value = _variable(one.flow), json.dumps({"flow": one.flow, "cron": one.cron, **one.settings()})
    if await client.read_variable_by_name(name) is None:
        await client.create_variable(VariableCreate(name=name, value=value, tags=[NAME]))
    else:
        await client.update_variable(VariableUpdate(name=name, value=value))


def main() -> None:
    try:
        PrefectSettings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"deployments: {error}")
    for line in asyncio.run(deploy()):
        print(line)


if __name__ == "__main__":
    main()
