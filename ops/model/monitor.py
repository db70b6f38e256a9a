"""`just monitor`: judge the served model now."""

from closecast.cli.arguments import day
from closecast.cli.source import parse_source
from ops.cli.arguments import Arguments
from ops.cli.progress import say
from ops.nomad import jobs
from ops.nomad.session import connect
from ops.prefect.pipeline import Prefect

DEPLOYMENT, RESULT = "monitor/closecast", "monitor-result"


def monitor(arguments: list[str]) -> int:
    """Import the export, judge the predictions that matured, and say whether the served model is harmful.

    The platform does this every day by itself.
    """
    wanted = Arguments("monitor", monitor.__doc__)
    wanted.option("source", str, "the export to import (default: the platform's own)")
    wanted.option("day", day, "the last day to look at (default: the latest that the model was asked about)")
    wanted.flag("promote", "under the policy manual too: promote the version in shadow if outcomes prove it better")
    given = wanted.given(arguments)
    source = parse_source(given.source) if given.source else None
    asked = {
        "source": source or given.source,
        "day": given.day.isoformat() if given.day else None,
        "promote": given.promote or None,
    }
    prefect = Prefect(jobs.address(connect().cluster, "prefect"))
    run = prefect.follow(
        prefect.submit(DEPLOYMENT, {name: value for name, value in asked.items() if value is not None})
    )
    said = prefect.result(run["id"], RESULT)
    of = f", version {said['model_version']} on {said['day']}" if said["number"] is not None else ""
    say(f"{said['verdict']}{of}")
    for reason in [*said["reasons"], *said["done"]]:
        say(f"  {reason}")
    return 0
