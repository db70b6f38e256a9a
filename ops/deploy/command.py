"""The command `deploy`."""

import json
from pathlib import Path

from closecast.platform.runtime.files import write_whole
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
    """Run the jobs of an environment in AWS with its images: show what that changes, ask, and do it; or go back."""
    given = (
        Arguments("deploy", deploy.__doc__)
        .place("environment", "staging or production")
        .flag("yes", "do not ask")
        .flag("plan", "show what would change, and change nothing")
        .flag("back", "go back to what ran before the last deployment from here")
        .given(arguments)
    )
    if given.back:
        return _go_back(connect(), given.environment)
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
    write_whole(before_file(given.environment), json.dumps(_versions(session.cluster, changed)) + "\n")
    for name in changed:
        if session.run("job", "run", f"-var-file={file}", str(jobs.file(name))).returncode:
            raise OperatorError(
                f"the deployment of {name} failed, and the jobs after it were left as they are",
                f"`nomad job status {name}` tells why; then run `just deploy {given.environment}` again",
            )
    return 0


def before_file(environment: str) -> Path:
    """Where it is noted which version of each job ran before the last deployment to `environment`."""
    return paths.JOBS / "vars" / f"{environment}.before.json"


def _versions(cluster: Cluster, names: list[str]) -> dict[str, int | None]:
    """The version of each job that runs; None for one that does not."""
    found = {name: cluster.job(name) for name in names}
    return {name: None if job is None or job["Stop"] else int(job["Version"]) for name, job in found.items()}


def _go_back(session: Session, environment: str) -> int:
    """Revert the jobs that the last deployment changed, and stop those that did not run before it."""
    file = before_file(environment)
    if not file.exists():
        raise OperatorError(
            f"no deployment to {environment} is noted here",
            "go back by hand: `nomad job history <job>`, then `nomad job revert <job> <version>`",
        )
    failed = []
    for name, version in json.loads(file.read_text()).items():
        now = _versions(session.cluster, [name])[name]
        if now == version:
            continue
        command = ("job", "stop", name) if version is None else ("job", "revert", name, str(version))
        if session.run(*command).returncode:
            failed.append(name)
        else:
            say(f"{name} is stopped again" if version is None else f"{name} is back at version {version}")
    if failed:
        raise OperatorError(
            f"{', '.join(failed)} could not go back", f"`nomad job status {failed[0]}` tells why; then run it again"
        )
    file.unlink()
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
