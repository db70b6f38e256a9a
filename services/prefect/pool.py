"""Run Prefect's worker so that only the work pool's template configures runs: `python -m services.prefect.pool`.

Prefect's server checks the variables of new runs, but not of changed deployments; its worker then merges an `env` from
there into the pool's, whatever the template allows. A run that sets its environment can run any code.
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
    """The job configuration of the work pool's template, without the deployment's and the run's values."""

    @classmethod
    async def from_template_and_values(
        cls, base_job_template: dict[str, Any], values: dict[str, Any], client: PrefectClient | None = None
    ) -> Any:
        if values:
            _LOG.warning("ignored values that a run may not set: %s", ", ".join(sorted(values)))
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
