"""The command `up`: bring up the platform until it has answered a prediction with the registry's champion."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from closecast.cli.mapping import mapping_text
from closecast.cli.source import parse_source
from ops import paths
from ops.api import users
from ops.cli.arguments import Arguments
from ops.cli.progress import say, started, step
from ops.cli.summary import summary
from ops.down import stop
from ops.errors import OperatorError
from ops.model.champion import ensure_champion, first_prediction
from ops.model.forecasts import record_forecasts
from ops.model.source import carry_over
from ops.nomad import access, jobs, ports
from ops.nomad.access import WORKER
from ops.nomad.agent import Agent
from ops.nomad.cluster import Cluster, wait
from ops.nomad.jobs import Cli
from ops.nomad.waiting import wait_until_healthy
from ops.prefect import kaggle
from ops.prefect.deploy import ensure_deployments
from ops.prefect.handover import readable
from ops.prefect.pipeline import Prefect
from ops.setup import accounts, caddy_binary, metrics_binaries, nomad_binary, runtime
from ops.setup.credentials import ARTIFACTS_BUCKET, LAKE_BUCKET, REGION, Credentials
from ops.terraform import local

READY = "ready"


def up(arguments: list[str]) -> int:
    """Bring everything up. Every step first checks whether it is done already, so a second call is fast."""
    given = Arguments("up", up.__doc__).data().given(arguments)
    source = parse_source(given.source)
    mapping = mapping_text(given, source)
    with _only_one():
        cli, cluster = start_scheduler()
        with step("jobs submitted"):
            submitted = _submit(cli, cluster)
        wait_until_healthy(cluster, submitted, ignore=(READY,), announce=True)
        carry_over(Prefect(jobs.address(cluster, "prefect")))
        ensure_deployments(cluster)
        has_trained = ensure_champion(cluster, readable(source), given.as_of, given.fiscal_year_start, mapping)
        with step("first prediction"):
            prediction = first_prediction(cluster, Credentials.load())
        users.ensure_first(cluster, Credentials.load())
        say(f"the API answered its first prediction {time.time() - started():.1f} s after the command began")
        if has_trained:
            record_forecasts(cluster)
        wait_until_healthy(cluster, submitted)
        summary(cluster, cli.agent, cli.nomad, prediction)
    return 0


def start_scheduler() -> tuple[Cli, Cluster]:
    """Prepare what the jobs need: credentials, Nomad, Terraform's plugins, and an agent with access for the operator."""
    credentials = Credentials.load_or_create()
    nomad = nomad_binary.find_or_install()
    mirror = local.provider_mirror()
    agent = Agent.of_state()
    runtime.refresh()
    _prepare_accounts(agent)
    local.initialise(mirror)
    credentials, cluster = _start_agent(agent, nomad, credentials, mirror)
    return Cli(nomad, agent, credentials.nomad_management_token), cluster


def _prepare_accounts(agent: Agent) -> None:
    """Create the accounts and their folders.

    Folders of an earlier version with other owners change hands while nothing runs.
    """
    folders_of_other_owners = accounts.folders_of_other_owners()
    if folders_of_other_owners:
        stop(agent)
    with (
        step(f"accounts of the services; theirs are now {', '.join(folders_of_other_owners)}")
        if folders_of_other_owners
        else nullcontext()
    ):
        accounts.ensure()


@contextmanager
def _only_one() -> Iterator[None]:
    """Lock the state, because parallel commands would conflict; the lock ends with its process."""
    folder = paths.state()
    folder.mkdir(parents=True, exist_ok=True)
    if not accounts.wanted():
        folder.chmod(0o700)
    with (folder / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OperatorError(
                f"another `just up` or `just down` is at work on {folder}", "wait for it to end"
            ) from error
        yield


def _meta(agent: Agent, mirror: Path | None) -> dict[str, str]:
    """The node's metadata for job files."""
    caddy, metrics = caddy_binary.find(), metrics_binaries.find()
    prometheus, alertmanager = (str(runtime.program(one.path)) for one in metrics) if metrics else ("", "")
    return {
        **accounts.meta(),
        "project": str(runtime.code()),
        "nomad_address": agent.address,
        "state": str(paths.state()),
        "python": str(runtime.python(paths.VENV)),
        "localstack_python": str(runtime.python(paths.VENV_LOCALSTACK)),
        "terraform_mirror": str(mirror or ""),
        "caddy": str(runtime.program(caddy.path) if caddy else ""),
        "prometheus": prometheus,
        "alertmanager": alertmanager,
        "lake_bucket": LAKE_BUCKET,
        "artifacts_bucket": ARTIFACTS_BUCKET,
        "region": REGION,
    }


def _start_agent(
    agent: Agent, nomad: nomad_binary.Nomad, credentials: Credentials, mirror: Path | None
) -> tuple[Credentials, Cluster]:
    meta = _meta(agent, mirror)
    with step("Nomad agent"):
        for role in agent.outdated(meta):
            role.stop()
        ports.require_free(agent)
        agent.start(nomad, meta)
    cluster = Cluster(agent.address, credentials.nomad_management_token)
    with step("access control, secrets and node"):
        cluster.bootstrap(credentials.nomad_management_token)
        cluster.allow_oversubscription()
        access.ensure(cluster)
        if not credentials.nomad_operator_token:
            credentials = replace(credentials, nomad_operator_token=cluster.create_token("operator", ["operator"]))
            credentials.save()
        _write_variables(cluster, credentials)
        wait(lambda: _takes_work(agent, cluster), 60, "the registration of this node with Nomad")
    return credentials, cluster


def _takes_work(agent: Agent, cluster: Cluster) -> bool:
    agent.require_client()
    return cluster.node_is_ready()


def _write_variables(cluster: Cluster, credentials: Credentials) -> None:
    """Write each job's secrets, and wait for the worker's restart if its secrets have changed.

    Nomad restarts it then, and a flow that it had just started would be lost.
    """
    variables = credentials.variables()
    path = f"nomad/jobs/{WORKER}"
    of_worker = variables.pop(WORKER) | kaggle.items(os.environ, cluster.variable(path))
    for job, items in variables.items():
        cluster.put_variable(f"nomad/jobs/{job}", items)
    runs = cluster.is_wanted(WORKER) and jobs.health(cluster, WORKER).healthy
    before = jobs.health(cluster, WORKER).restarts if runs else 0
    is_shown = _is_shown(cluster, of_worker)
    if cluster.put_variable(path, of_worker) and runs and is_shown:
        wait(lambda: jobs.health(cluster, WORKER).restarts > before, 60, "the worker's restart with its new secrets")


def _is_shown(cluster: Cluster, items: dict[str, str]) -> bool:
    """Whether the running worker uses any of the changed items: one of an earlier version does not use new ones."""
    known = cluster.variable(f"nomad/jobs/{WORKER}")
    differing = {name for name in known.keys() | items.keys() if known.get(name) != items.get(name)}
    templates = jobs.templates(cluster, WORKER)
    return any(
        f".{name} }}}}" in template or f".{name} -}}}}" in template for name in differing for template in templates
    )


def _submit(cli: Cli, cluster: Cluster) -> dict[str, int]:
    """Submit every job file, and return the versions that Nomad gave to the jobs of services."""
    for name in (*jobs.runnable(), *jobs.BATCH):
        if not cluster.is_wanted(name):
            ports.require_job_ports_free(cli, name)
        cli.submit(name)
    return {name: cluster.version(name) for name in jobs.runnable()}
