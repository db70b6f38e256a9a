"""The version in shadow: its state, and the policy of promotions."""

from collections.abc import Mapping
from typing import Any

import httpx

from closecast.cli.arguments import number
from closecast.platform.settings import PROMOTION_DEFAULT, PROMOTION_VARIABLE, WATCH_DAYS, WATCH_VARIABLE
from ops.cli.arguments import Arguments, one_of
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.session import connect
from ops.prefect.pipeline import Prefect
from ops.setup.credentials import Credentials


def shadow(arguments: list[str]) -> int:
    """Show the version in shadow and what outcomes say of it; --policy and --days set what the platform does with it."""
    given = (
        Arguments("shadow", shadow.__doc__)
        .option(
            "policy",
            one_of("auto", "manual"),
            "auto: a challenger that outcomes prove better is promoted; manual: it is only said",
        )
        .option("days", number(1, 3_650), "for which a former champion stays in shadow")
        .given(arguments)
    )
    session = connect()
    prefect = Prefect(jobs.address(session.cluster, "prefect"))
    for name, value in ((PROMOTION_VARIABLE, given.policy), (WATCH_VARIABLE, given.days)):
        if value is not None:
            prefect.set_variable(name, str(value))
    print("\n".join(state(jobs.address(session.cluster, "mlflow"), session.credentials)))
    print("\n".join(progress(_health(jobs.address(session.cluster, "shadow")))))
    policy = prefect.variable(PROMOTION_VARIABLE) or PROMOTION_DEFAULT
    days = prefect.variable(WATCH_VARIABLE) or WATCH_DAYS
    print(f"policy        {policy}; a former champion stays in shadow for {days} days")
    return 0


def state(mlflow: str, credentials: Credentials) -> list[str]:
    """The lines that say which version is in shadow of the registry at `mlflow`, why, and what outcomes say of it.

    Raises OperatorError while the registry is away.
    """
    from closecast.platform.mlflow.registry import ROLE_TAG, SAID_TAG, SINCE_TAG, ModelRegistry, RegistryError

    registry = ModelRegistry(mlflow, login=credentials.mlflow_login)
    try:
        found = registry.shadow_identity()
        tags = {} if found is None else registry.tags(found.version)
    except RegistryError as error:
        raise OperatorError(f"the model registry cannot be asked: {error}", "see `just logs mlflow`") from error
    if found is None:
        return ["in shadow     no version"]
    return [
        f"in shadow     {found}, {tags.get(ROLE_TAG, 'by hand')}, since {tags.get(SINCE_TAG, 'an unknown day')}",
        f"outcomes      {tags.get(SAID_TAG, 'not compared yet: the flow monitor does it once a day')}",
    ]


def progress(said: Mapping[str, Any]) -> list[str]:
    """The lines that say how far scoring is, from the health page of the job `shadow`."""
    lines = [
        f"scoring       {said['batches_behind']:.0f} closed batches to score, {said['scored_total']:.0f} predictions scored"
    ]
    return [*lines, *(f"problem       {part}: {problem}" for part, problem in said["problems"].items())]


def _health(address: str) -> dict[str, Any]:
    try:
        return dict(httpx.get(f"{address}/health", timeout=10).json())
    except (httpx.HTTPError, ValueError) as error:
        raise OperatorError(f"the job shadow does not answer: {error}", "see `just logs shadow`") from error
