"""Have the forecasts of past weeks made, from whose errors the interval of the present one is learnt."""

import json

from ops import paths
from ops.cli.progress import say, step
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.cluster import Cluster
from ops.prefect.pipeline import Prefect

DEPLOYMENT = "forecast/closecast"


def record_forecasts(cluster: Cluster) -> None:
    """Run the flow `forecast` on the platform's source, and follow it. A failure is told, and stops nothing."""
    prefect = Prefect(jobs.address(cluster, "prefect"))
    # The date of the export that was trained on (ops.model.champion).
    as_of = json.loads((paths.state() / "source.json").read_text()).get("as_of")
    try:
        with step("forecasts of past weeks"):
            prefect.follow(prefect.submit(DEPLOYMENT, {"as_of": as_of} if as_of else {}))
    except OperatorError as error:
        say(
            f"the forecasts of past weeks were not made: {error.problem}; the page Forecast assumes how sure it is until "
            f"`just prefect-run {DEPLOYMENT}` has made them"
        )
