"""What Prefect runs for us: the work pool and the deployments in it, created or brought up to date.

`python -m flows.deployments` needs PREFECT_API_URL; run again, it changes nothing. What it set is written down in a
Prefect variable for each deployment, so that the next time a user's changes can be told from its own.
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
# The tag of runs that the worker tries again from their beginning after a crash.
REPEATABLE = "repeatable"
PROJECT = Path(__file__).resolve().parents[1]
# Where the flow's code is: a worker on this machine changes into the project's folder before it runs the entry point.
PULL_STEPS = [{"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}]
# What Prefect offers lets whoever begins a run name its command, folder and environment: here a run may set nothing.
_TEMPLATE = {
    "job_configuration": {
        # A run asks again, after 2, 4, 8 … seconds, while Prefect's server is away: eight and a half minutes in all.
        "env": {"PREFECT_CLIENT_MAX_RETRIES": "8"},
        "stream_output": True,
    },
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}
# What earlier versions set on each deployment.
_BEFORE = {"env": {"PREFECT_CLIENT_MAX_RETRIES": "8"}}


@dataclass(frozen=True)
class Deployment:
    """One flow as Prefect knows it. Schedules wait for `just prefect-resume`: nobody's machine begins to train unasked."""

    flow: str
    description: str
    cron: str | None
    parameters: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    # Whether a run that crashed may begin anew by itself: what it did so far is found again, or done twice without harm.
    repeatable: bool = True

    @property
    def entrypoint(self) -> str:
        return f"flows/{self.flow}.py:{self.flow}"

    def settings(self) -> dict[str, Any]:
        """What a user may change, but for the schedule; as plain data."""
        return {
            "description": self.description,
            "parameters": self.parameters,
            "tags": [*self.tags, *([REPEATABLE] if self.repeatable else [])],
            "work_pool_name": WORK_POOL,
            "work_queue_name": self.flow,
            "job_variables": {},
            # Not by a limit of the deployment: its leases end runs that cannot renew them while the server restarts.
            "concurrency_limit": None,
            "concurrency_options": None,
        }


INVENTORY = (
    Deployment("ingest", "From a source into the lake, checked.", "0 5 * * *", tags=("data",)),
    Deployment("eda", "An exploratory report of a source.", "30 5 * * 1", tags=("data",)),
    Deployment(
        "train", "From a source to a registered model, promoted if its evidence allows.", "0 6 * * 1", tags=("model",)
    ),
    Deployment(
        "tune",
        "A search for hyperparameters on dispatched Nomad allocations, then training.",
        "0 1 1 * *",
        tags=("model", "nomad"),
    ),
    Deployment("evaluate", "The baselines and the gate at one or more cuts.", "0 7 * * 1", tags=("model",)),
    Deployment(
        "score",
        "Batch scoring of Parquet in the lake on dispatched Nomad allocations.",
        None,
        tags=("scoring", "nomad"),
    ),
)


async def deploy() -> list[str]:
    """Create the work pool and every deployment of INVENTORY, or bring them up to date; lines of text for a person.

    What a user changed since the last time stays: parameters, schedule, tags, work pool, limit, description, paused.
    """
    async with get_client() as client:
        lines = [await _work_pool(client)]
        for one in INVENTORY:
            lines += await _deployment(client, one)
        return [*lines, *await _gone(client)]


async def _work_pool(client: PrefectClient) -> str:
    name = f"work pool {WORK_POOL} (process)"
    with suppress(ObjectAlreadyExists):  # as when the worker, which makes one where there is none, begins right now
        try:
            found = await client.read_work_pool(WORK_POOL)
        except ObjectNotFound:
            await client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process", base_job_template=_TEMPLATE))
            return f"{name}: created"
        if found.base_job_template == _TEMPLATE:
            return f"{name}: already there"
    # The template is the worker's own, or that of an earlier version.
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
        return [f"deployment {name}: created, paused"]
    base, theirs = await _remembered(client, one), _settings(found)
    settings, notes = merged(base, one.settings(), theirs | _without_variables(theirs), schema)
    if settings["work_pool_name"] == WORK_POOL and theirs["job_variables"] not in ({}, _BEFORE):
        notes.append(f"removed: job variables {json.dumps(theirs['job_variables'])}: runs of this work pool take none")
    if settings["work_pool_name"] != WORK_POOL:
        settings["work_queue_name"] = theirs["work_queue_name"]
    # Only what differs; the queue goes with its pool, for Prefect takes the name of one alone for another pool's.
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
    """Our work pool takes none, so there is nothing of a user's to keep; another pool may."""
    return {"job_variables": {}} if theirs["work_pool_name"] == WORK_POOL else {}


async def _queue(client: PrefectClient, flow: str) -> None:
    """The flow's own queue. Two runs of one flow would compete for the same memory and the same alias: the second waits."""
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
        paused=True,
        **one.settings(),
    )


def _settings(found: DeploymentResponse) -> dict[str, Any]:
    """What the server has of the settings that `Deployment.settings` names."""
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
    """Change the schedule that is ours, unless a user did; those that a user added are not touched."""
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
    # Prefect's own change of a schedule would empty its parameters: it is made anew.
    await client.delete_deployment_schedule(found.id, theirs.id)
    if ours is None:
        return [f"removed: schedule {base} {_ZONE}, which the inventory no longer has"]
    kept = {"active": theirs.active, "parameters": theirs.parameters, "max_scheduled_runs": theirs.max_scheduled_runs}
    await client.create_deployment_schedules(found.id, [_regular(ours, **kept)])
    return [*notes, f"changed: schedule {ours} {_ZONE}, before {base}"]


def _in_words(schedule: Any) -> str:
    return " ".join(str(value) for value in schedule.model_dump(mode="json", exclude_defaults=True).values())


async def _gone(client: PrefectClient) -> list[str]:
    """Pause the deployments that we made and no longer have, once: their flows are not there any more."""
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
    """What we set last. Versions that did not write it down set what this one does, but for a few things."""
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
