"""What Prefect runs for us: the work pool and the deployments in it, created or brought up to date.

`python -m flows.deployments` needs PREFECT_API_URL; run again, it changes nothing.
"""

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema_from_entrypoint

from closecast.platform.settings import PrefectSettings, SettingsError

WORK_POOL = "closecast"
NAME = "closecast"
# The tag of runs that the worker tries again from their beginning after a crash.
REPEATABLE = "repeatable"
PROJECT = Path(__file__).resolve().parents[1]
# Where the flow's code is: a worker on this machine changes into the project's folder before it runs the entry point.
_PULL_STEPS = [{"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}]
# A run asks again, after 2, 4, 8 … seconds, while Prefect's server is away: eight and a half minutes in all.
_JOB_VARIABLES = {"env": {"PREFECT_CLIENT_MAX_RETRIES": "8"}}


@dataclass(frozen=True)
class Deployment:
    """One flow as Prefect knows it. Schedules wait for `just prefect-resume`: nobody's machine begins to train unasked."""

    flow: str
    description: str
    cron: str | None
    parameters: dict[str, Any] = field(default_factory=lambda: {"source": "synthetic"})
    tags: tuple[str, ...] = ()
    # Whether a run that crashed may begin anew by itself: what it did so far is found again, or done twice without harm.
    repeatable: bool = True

    @property
    def entrypoint(self) -> str:
        return f"flows/{self.flow}.py:{self.flow}"


INVENTORY = (
    Deployment("ingest", "From a source into the lake, checked.", "0 5 * * *", tags=("data",)),
    Deployment("eda", "An exploratory report of a source.", "30 5 * * 1", tags=("data",)),
    Deployment("train", "From a source to a registered model, promoted if its evidence allows.", "0 6 * * 1",
               tags=("model",)),
    Deployment("tune", "A search for hyperparameters on dispatched Nomad allocations, then training.", "0 1 1 * *",
               tags=("model", "nomad")),
    Deployment("evaluate", "The ladder and the gate at one or more cuts.", "0 7 * * 1", tags=("model",)),
    Deployment("score", "Batch scoring of Parquet in the lake on dispatched Nomad allocations.", None, {},
               tags=("scoring", "nomad")),
)  # fmt: skip


async def deploy() -> list[str]:
    """Create or update the work pool and every deployment of INVENTORY; one line of text for each."""
    async with get_client() as client:
        return [await _work_pool(client), *[await _deployment(client, one) for one in INVENTORY]]


async def _work_pool(client: PrefectClient) -> str:
    try:
        await client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        await client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        return f"work pool {WORK_POOL} (process): created"
    return f"work pool {WORK_POOL} (process): already there"


async def _deployment(client: PrefectClient, one: Deployment) -> str:
    await _queue(client, one.flow)
    schedules = []
    if one.cron is not None:
        cron = CronSchedule(cron=one.cron, timezone="UTC")
        schedules = [DeploymentScheduleCreate(schedule=cron, active=True, slug="regular")]
    made = await client.create_deployment(
        flow_id=await client.create_flow_from_name(one.flow),
        name=NAME,
        description=one.description,
        entrypoint=one.entrypoint,
        pull_steps=_PULL_STEPS,
        work_pool_name=WORK_POOL,
        work_queue_name=one.flow,
        job_variables=_JOB_VARIABLES,
        parameters=one.parameters,
        parameter_openapi_schema=parameter_schema_from_entrypoint(one.entrypoint).model_dump_for_openapi(),
        enforce_parameter_schema=True,
        schedules=schedules,
        paused=await _is_paused(client, one),
        tags=[*one.tags, *([REPEATABLE] if one.repeatable else [])],
        # Not by a limit of the deployment: its leases end runs that cannot renew them while the server restarts.
        concurrency_limit=None,
    )
    return f"deployment {one.flow}/{NAME}: {made}"


async def _queue(client: PrefectClient, flow: str) -> None:
    """The flow's own queue. Two runs of one flow would compete for the same memory and the same alias: the second waits."""
    try:
        await client.read_work_queue_by_name(flow, WORK_POOL)
    except ObjectNotFound:
        await client.create_work_queue(flow, work_pool_name=WORK_POOL, concurrency_limit=1)


async def _is_paused(client: PrefectClient, one: Deployment) -> bool:
    """As the user left it; a new one is paused."""
    try:
        return bool((await client.read_deployment_by_name(f"{one.flow}/{NAME}")).paused)
    except ObjectNotFound:
        return True


def main() -> None:
    try:
        PrefectSettings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"deployments: {error}")
    for line in asyncio.run(deploy()):
        print(line)


if __name__ == "__main__":
    main()
