"""The command `deploy`."""

import json
from pathlib import Path

from ops import paths
from ops.cli.arguments import Arguments
from ops.cli.progress import say
from ops.deploy import secrets, variables
from ops.deploy.nomad import Session, connect
from ops.errors import OperatorError
from ops.images.push import digests_file
from ops.nomad import jobs
from ops.nomad.cluster import Cluster
from ops.terraform import outputs

# Everything but what AWS itself offers.
JOBS = tuple(name for name in (*jobs.NAMES, *jobs.BATCH) if name != "localstack")
_SAME, _CHANGED = 0, 1  # exit statuses of `nomad job plan`


def deploy(arguments: list[str]) -> int:
    """Run the jobs of an environment in AWS with its images: show what that changes, ask, and do it."""
    given = (
        Arguments("deploy", deploy.__doc__)
        .place("environment", "staging or production")
        .flag("yes", "do not ask")
        .flag("plan", "show what would change, and change nothing")
        .given(arguments)
    )
    cloud = outputs.cloud(given.environment)
    session = connect()
    rendered = variables.of(cloud, _digests(given.environment), _authorities(session.cluster))
    file = vars_file(given.environment)
    file.write_text(rendered.hcl(given.environment))
    say(f"wrote jobs/vars/{file.name}")
    changed = [name for name in JOBS if _plan(session, name, f"-var-file={file}")]
    if not changed:
        say("no job changes")
        return 0
    if given.plan:
        return 0
    if not given.yes and input(f"Run {', '.join(changed)} in {given.environment}? Only `yes` is taken: ") != "yes":
        say("nothing was changed")
        return 1
    for name in changed:
        if session.run("job", "run", f"-var-file={file}", str(jobs.file(name))).returncode:
            raise OperatorError(
                f"the deployment of {name} failed, and the jobs after it were left as they are",
                f"`nomad job status {name}` tells why; then run `just deploy {given.environment}` again",
            )
    return 0


def vars_file(environment: str) -> Path:
    """The file of variables that is written for `environment`."""
    return paths.JOBS / "vars" / f"{environment}.hcl"


def _digests(environment: str) -> dict[str, str]:
    file = digests_file(environment)
    if not file.exists():
        raise OperatorError(
            f"no images were pushed for {environment}",
            f"run `just images push {environment}`, which notes their digests",
        )
    return dict(json.loads(file.read_text()))


def _authorities(cluster: Cluster) -> dict[str, str]:
    found = {"cache": secrets.CACHE_AUTHORITY, "database": secrets.DATABASE_AUTHORITY}
    authorities = {name: cluster.variable(path).get("certificate", "") for name, path in found.items()}
    missing = [name for name, certificate in authorities.items() if not certificate]
    if missing:
        raise OperatorError(f"there is no certificate of who signs for the {missing[0]}", "run `just secrets` first")
    return authorities


def _plan(session: Session, name: str, variables: str) -> bool:
    """Print what submitting the job would change; returns whether anything would."""
    done = session.run("job", "plan", variables, str(jobs.file(name)), capture=True)
    if done.returncode not in (_SAME, _CHANGED):
        reason = " ".join((done.stderr or done.stdout).split())
        raise OperatorError(
            f"Nomad does not plan the job {name}: {reason}", f"mend what it names in jobs/{name}.nomad.hcl"
        )
    if done.returncode == _CHANGED:
        print(done.stdout.rstrip())
    return done.returncode == _CHANGED
