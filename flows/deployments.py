"""What Prefect runs for us: the work pool and the deployments in it, created or brought up to date.

`python -m flows.deployments` needs PREFECT_API_URL; run again, it changes nothing.
"""

import asyncio
import os
import sys
from pathlib import Path

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema_from_entrypoint

from closecast.platform.settings import PrefectSettings, SettingsError

WORK_POOL = "closecast"
_ENTRYPOINT = "flows/train.py:train"
PROJECT = Path(__file__).resolve().parents[1]
# Where the flow's code is: a worker on this machine changes into the project's folder before it runs the entry point.
_PULL_STEPS = [{"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}]


async def deploy() -> list[str]:
    """Create or update the work pool and the deployment `train/closecast`; one line of text for each."""
    async with get_client() as client:
        return [await _work_pool(client), await _train(client)]


async def _work_pool(client: PrefectClient) -> str:
    try:
        await client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        await client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        return f"work pool {WORK_POOL} (process): created"
    return f"work pool {WORK_POOL} (process): already there"


async def _train(client: PrefectClient) -> str:
    deployment = await client.create_deployment(
        flow_id=await client.create_flow_from_name("train"),
        name="closecast",
        description="From a source to a registered model, promoted if its evidence allows.",
        entrypoint=_ENTRYPOINT,
        pull_steps=_PULL_STEPS,
        work_pool_name=WORK_POOL,
        parameters={"source": "synthetic"},
        parameter_openapi_schema=parameter_schema_from_entrypoint(_ENTRYPOINT).model_dump_for_openapi(),
        enforce_parameter_schema=True,
    )
    return f"deployment train/closecast: {deployment}"


def main() -> None:
    try:
        PrefectSettings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(f"deployments: {error}")
    for line in asyncio.run(deploy()):
        print(line)


if __name__ == "__main__":
    main()
