"""Prefect's own worker, for which the work pool alone says how a run is begun: `python -m services.prefect.pool`.

Prefect's server checks what a run may set where a run is made, and not where a deployment is changed; its worker then
merges an `env` from there into the pool's, whatever the pool offers. A run that names its environment names its code.
"""

import logging
import sys
from typing import Any

from prefect.cli import app
from prefect.client.orchestration import PrefectClient
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from closecast.platform.runtime import logs
from services.prefect import WORK_POOL

_LOG = logging.getLogger("services.prefect.pool")  # it is run as __main__


class PoolsConfiguration(ProcessJobConfiguration):
    """What the work pool's template says, whatever the deployment and the run would set."""

    @classmethod
    async def from_template_and_values(
        cls, base_job_template: dict[str, Any], values: dict[str, Any], client: PrefectClient | None = None
    ) -> Any:
        if values:
            _LOG.warning("what a run may not set is left out: %s", ", ".join(sorted(values)))
        return await super().from_template_and_values(base_job_template, {}, client=client)


def main() -> None:
    logs.configure()
    ProcessWorker.job_configuration = PoolsConfiguration
    sys.argv = [
        "prefect",
        "worker",
        "start",
        "--pool",
        WORK_POOL,
        "--type",
        "process",
        "--name",
        "nomad",
        "--with-healthcheck",
    ]
    app()


if __name__ == "__main__":
    main()
