"""Commands for day-to-day work: status, logs, restart, plan, train, predict, demo and the API's key."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial

from closecast.cli.check import check
from closecast.cli.mapping import mapping_text, propose_mapping
from closecast.cli.predict import print_table
from closecast.cli.source import parse_source
from ops import alerts
from ops.acceptance.command import acceptance
from ops.api import keys, predict, replay, smoke, users
from ops.api.provider import sign_in_provider
from ops.cli import progress
from ops.cli.arguments import Arguments, nothing
from ops.cli.summary import describe_prediction, describe_source, services
from ops.dependencies.outdated import outdated
from ops.dependencies.vulnerabilities import vulnerabilities
from ops.deploy.command import deploy
from ops.deploy.secrets import secrets
from ops.down import down
from ops.drill.command import restore_drill
from ops.errors import OperatorError
from ops.forget import forget
from ops.images.command import images
from ops.model import champion, shadow, signing
from ops.model.monitor import monitor
from ops.model.rollback import rollback
from ops.nomad import jobs, restart
from ops.nomad.agent import Agent
from ops.nomad.session import connect
from ops.paths import JOBS, LOCAL_VARS, PROJECT
from ops.pictures.command import pictures
from ops.policy.command import policy
from ops.prefect import commands as prefect_commands
from ops.prefect.handover import readable
from ops.profiling import profile
from ops.release.command import release
from ops.repl import repl
from ops.rotate import rotate
from ops.setup import caddy_binary, nomad_binary
from ops.setup.actionlint_binary import ACTIONLINT
from ops.terraform.command import tf


def status(arguments: list[str]) -> int:
    """Show each service with its health and address; exit status 1 when one is not healthy."""
    nothing("status", status.__doc__, arguments)
    session = connect()
    all_healthy = services(session.cluster, session.agent, session.cli.nomad)
    print(f"\nsource        {describe_source(session.cluster)}")
    return 0 if all_healthy else 1


def logs(arguments: list[str]) -> int:
    """Print what the tasks of a job wrote (`nomad` is the agent itself), oldest first."""
    job = Arguments("logs", logs.__doc__).place("job", "its name, or nomad for the agent").given(arguments).job
    if job == "nomad":
        # Also when the agent does not run: then its log matters most.
        return _agent_logs(Agent.of_state())
    session = connect()
    jobs.file(job)
    allocations = session.cluster.allocations(job)
    if not allocations and (stopped := session.cluster.last_allocation(job)):
        allocations = [stopped]  # its log may say why
    if not allocations:
        raise OperatorError(f"the job {job} has no allocation", "`just status` shows why; `just up` submits it")
    for allocation in allocations:
        of = f" of {allocation.id[:8]}" if len(allocations) > 1 else ""
        for task in allocation.tasks:
            for stream in ("-stdout", "-stderr"):
                done = session.cli.run("alloc", "logs", "-tail", "-n", "200", stream, allocation.id, task.name)
                if done.stdout.strip():
                    print(f"── {task.name}{of} {stream.removeprefix('-std')} ──\n{done.stdout.rstrip()}")
    return 0


def _agent_logs(agent: Agent) -> int:
    written = [role for role in agent.roles if role.log.exists()]
    if not written:
        raise OperatorError(f"there is no log in {agent.folder}", "the platform has never been up here: run `just up`")
    for role in written:
        print(f"── {role.name} ──\n{role.log.read_text(errors='replace').rstrip()}")
    return 0


def plan(arguments: list[str]) -> int:
    """Show `nomad job plan` of every job file; nothing is changed. Nomad requires the right to submit them."""
    nothing("plan", plan.__doc__, arguments)
    cli = connect().managing().cli
    for name in jobs.runnable():
        done = cli.run("job", "plan", f"-var-file={LOCAL_VARS}", str(jobs.file(name)))
        # 0: nothing to place, 1: allocations would be created or destroyed; 255 is an error.
        if done.returncode not in (0, 1):
            raise OperatorError(
                f"the plan of {name} failed: {' '.join(done.stderr.split())}", f"correct jobs/{name}.nomad.hcl"
            )
        print(done.stdout.split("\nJob Modify Index")[0].strip() + "\n")
    return 0


def train(arguments: list[str]) -> int:
    """Train a model and promote it if the gate accepts it. The default fiscal year is the present champion's."""
    given = Arguments("train", train.__doc__).data().given(arguments)
    source = parse_source(given.source)
    mapping = mapping_text(given, source)
    cluster = connect().cluster
    result = champion.train(cluster, readable(source), given.as_of, given.fiscal_year_start, mapping)
    return 0 if result["promoted"] else 2


def demo(arguments: list[str]) -> int:
    """Rank the open pipeline, score one deal, and show the request."""
    nothing("demo", demo.__doc__, arguments)
    session = connect()
    api = predict.client(session)
    model, ranking = api.call("GET", "/v1/model"), api.call("GET", "/v1/pipeline", params={"limit": 10})
    print(
        f"model {model['name']} version {model['version']}; open deals as of {ranking['as_of']}, most likely first:\n"
    )
    print_table(ranking["deals"])
    first = champion.first_prediction(session.cluster, session.credentials)
    print(f"\n{describe_prediction(first)}\n\nthe same by hand:\n{predict.as_curl(api.address, first)}")
    print(f"\nin the browser: {jobs.address(session.cluster, 'ui')}")
    return 0


def api_key(arguments: list[str]) -> int:
    """Print the API's key, for `curl -H "X-API-Key: $(just api-key)"`."""
    nothing("api-key", api_key.__doc__, arguments)
    print(connect().credentials.api_key)
    return 0


def passwords(arguments: list[str]) -> int:
    """Print the passwords of the user interface, Prefect, MLflow, Prometheus and Alertmanager."""
    nothing("passwords", passwords.__doc__, arguments)
    credentials = connect().credentials
    print(f"user interface   closecast, {credentials.ui_password}")
    print(f"Prefect          {credentials.prefect_auth_string}   (the page asks for all of it as one password)")
    print(f"MLflow           closecast, {credentials.mlflow_password}")
    print(
        f"MLflow, to read  reader, {credentials.mlflow_reader_password}   (loads models and reads runs, changes nothing)"
    )
    print(f"Prometheus       closecast, {credentials.prometheus_password}")
    print(f"Alertmanager     closecast, {credentials.alertmanager_password}")
    return 0


def nomad(arguments: list[str]) -> int:
    """Run the nomad command line against this project's agent, with all rights: also to submit jobs."""
    cli = connect().managing().cli
    sys.stdout.flush()
    os.execve(cli.nomad.path, [str(cli.nomad.path), *arguments], cli.environment())


def evaluate(arguments: list[str]) -> int:
    """Measure a candidate against the baselines and the gate, without a platform."""
    # Imported here: the libraries it needs take seconds, which no other command should wait for.
    from closecast.cli.evaluate import evaluate

    return evaluate(arguments, "just", progress.say)


def docs(arguments: list[str]) -> int:
    """Build the site of the documents, show it, or write the table of licences."""
    # Imported here: what builds the site belongs to development, and is not installed everywhere.
    from ops.docs import command

    return command.docs(arguments)


def model_validation(arguments: list[str]) -> int:
    """Compare the models of two commits on the same held-out rows."""
    from ops.model import validation  # as above

    return validation.model_validation(arguments)


def nomad_fmt(arguments: list[str]) -> int:
    """`nomad fmt` of all job files; with `-check` only tell which are not in the standard form."""
    found = nomad_binary.find_or_install()
    done = subprocess.run(
        [found.path, "fmt", *arguments, JOBS], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        raise OperatorError(
            f"not in the standard form: {' '.join((done.stdout + done.stderr).split())}", "run `just fmt`"
        )
    return 0


def caddy_fmt(arguments: list[str]) -> int:
    """`caddy fmt` of the gateway's files; with `-check` only tell which are not in the standard form."""
    caddy = caddy_binary.CADDY.find_or_install()
    for file in sorted((PROJECT / "services" / "gateway").glob("*addy*")):
        command = [str(caddy.path), "fmt", *([] if "-check" in arguments else ["--overwrite"]), str(file)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        if "-check" in arguments and done.stdout != file.read_text():
            raise OperatorError(f"not in the standard form: {file.relative_to(PROJECT)}", "run `just fmt`")
    return 0


def actionlint(arguments: list[str]) -> int:
    """Check the workflows of GitHub Actions."""
    nothing("actionlint", actionlint.__doc__, arguments)
    # Checkers of scripts may be on PATH or not: a step is one command, and the result is the same everywhere.
    command = [str(ACTIONLINT.find_or_install().path), "-shellcheck=", "-pyflakes=", "-no-color"]
    return subprocess.run(command, cwd=PROJECT, check=False).returncode


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "down": down,
    "status": status,
    "logs": logs,
    "restart": restart.restart,
    "plan": plan,
    "tf": tf,
    "policy": policy,
    "pictures": pictures,
    "actionlint": actionlint,
    "vulnerabilities": vulnerabilities,
    "outdated": outdated,
    "images": images,
    "release": release,
    "profile": profile,
    "repl": repl,
    "acceptance": acceptance,
    "rotate": rotate,
    "secrets": secrets,
    "deploy": deploy,
    "train": train,
    "monitor": monitor,
    "predict": predict.predict,
    "demo": demo,
    "restore-drill": restore_drill,
    "smoke": smoke.smoke,
    "replay": replay.replay,
    "rollback": rollback,
    "sign-model": signing.sign,
    "shadow": shadow.shadow,
    "model-key-rotate": signing.rotate,
    "api-key": api_key,
    "passwords": passwords,
    "keys": keys.keys,
    "key-create": keys.create,
    "key-rotate": keys.rotate,
    "key-revoke": keys.revoke,
    "users": users.users,
    "user-create": users.create,
    "user-change": users.change,
    "sign-in-provider": sign_in_provider,
    "audit": keys.audit,
    "alerts": alerts.alerts,
    "alert-silence": alerts.silence,
    "alert-resolve": alerts.resolve,
    "alert-sinks": alerts.sinks,
    "alert-test": alerts.try_out,
    "forget": forget,
    "nomad": nomad,
    "nomad-fmt": nomad_fmt,
    "caddy-fmt": caddy_fmt,
    "evaluate": evaluate,
    "check": partial(check, program="just"),
    "map": partial(propose_mapping, program="just"),
    "docs": docs,
    "model-validation": model_validation,
    **prefect_commands.COMMANDS,
}
