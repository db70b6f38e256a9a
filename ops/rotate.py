"""The command `rotate`: give a secret of the running platform a new value, while it goes on serving."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import psycopg
import redis

from ops.cli.arguments import Arguments, seconds
from ops.cli.progress import say, step
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.cluster import Cluster, wait
from ops.nomad.session import Session, connect
from ops.setup.credentials import Credentials
from services.postgres.roles import set_password

_SECONDS = 180.0
_API_KEY = "api-key"
# Sessions of the database that are open go on; a new one with the old password is refused until its job has restarted.
_ROLES = {
    "closecast": "closecast_database_password",
    "mlflow": "mlflow_database_password",
    "prefect": "prefect_database_password",
    "optuna": "optuna_database_password",
    "promoter": "promoter_database_password",
    "monitor": "monitor_database_password",
    "shadow": "shadow_database_password",
    "alerts": "alerts_database_password",
}


@dataclass(frozen=True)
class Rotation:
    """A change of one secret.

    `before` is called with the old and the new credentials while the jobs still use the old ones, `after` once they use
    the new ones.
    """

    field: str
    before: Callable[[Session, Credentials, Credentials], None] = lambda _, __, ___: None
    after: Callable[[Session, Credentials, Credentials], None] = lambda _, __, ___: None


def rotate(arguments: list[str]) -> int:
    """Give a secret a new value. Jobs that use it restart; callers of the gateway wait for that, and none is refused."""
    given = (
        Arguments("rotate", rotate.__doc__)
        .place("secret", f"one of {', '.join(_NAMES)}")
        .option("grace", seconds, "for api-key: how long the old one is still taken (default: 0s)", default="0s")
        .given(arguments)
    )
    if given.secret not in _NAMES:
        raise OperatorError(f"{given.secret!r} is no secret that can be rotated", f"name one of {', '.join(_NAMES)}")
    session = connect().managing()
    if given.secret == _API_KEY:
        _rotate_api_key(session, given.grace)
    else:
        change(session, ROTATIONS[given.secret])
    return 0


def change(session: Session, rotation: Rotation) -> Credentials:
    """Carry the rotation out, and return the new credentials. The file is written first, so that nothing can be lost."""
    old = session.credentials
    new = replace(old, **{rotation.field: secrets.token_urlsafe(32)})
    new.save()
    with step("the new value is taken beside the old one, or by new connections"):
        rotation.before(session, old, new)
    write(session.cluster, old.variables(), new.variables())
    with step("the old value is worth nothing"):
        rotation.after(session, old, new)
    return new


def write(cluster: Cluster, old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> None:
    """Write the Variables of the jobs for which `new` differs from `old`, and wait until those jobs use and survive it.

    Items that others have added to a Variable stay.
    """
    changed = [job for job in new if old[job] != new[job]]
    before = {job: _restarts(cluster, job) for job in changed if _restarts_when_changed(cluster, job)}
    for job in changed:
        cluster.put_variable(f"nomad/jobs/{job}", {**cluster.variable(f"nomad/jobs/{job}"), **new[job]})
    for job, restarts in before.items():
        with step(f"{job} uses it"):
            wait(partial(_is_through, cluster, job, restarts), _SECONDS, f"the restart of {job}")


def _restarts_when_changed(cluster: Cluster, job: str) -> bool:
    """Whether the job runs, and restarts when its Variable changes: dispatched jobs and those that are told do not."""
    found = cluster.job(job)
    if found is None or found["Stop"] or found.get("ParameterizedJob"):
        return False
    path = f'nomadVar "nomad/jobs/{job}"'
    templates = [one for group in found["TaskGroups"] for task in group["Tasks"] for one in task["Templates"] or []]
    return any(path in one["EmbeddedTmpl"] and one["ChangeMode"] == "restart" for one in templates)


def _restarts(cluster: Cluster, job: str) -> dict[str, int]:
    """Restarts of each allocation so far."""
    return {one.id: sum(task.restarts for task in one.tasks) for one in cluster.allocations(job)}


def _is_through(cluster: Cluster, job: str, before: Mapping[str, int]) -> bool:
    now = _restarts(cluster, job)
    return all(now.get(one, count + 1) > count for one, count in before.items()) and jobs.health(cluster, job).healthy


def _rotate_api_key(session: Session, grace: int) -> None:
    """Both keys are taken for a while: whoever uses the old one fetches the new one meanwhile."""
    old = session.credentials
    new = replace(old, api_key=secrets.token_urlsafe(32))
    both = new.variables()
    both["api"]["api_key_sha256"] = ",".join(hashlib.sha256(one.api_key.encode()).hexdigest() for one in (new, old))
    write(session.cluster, old.variables(), both)
    new.save()
    say(f"the new key is taken; `just api-key` prints it. The old one is taken for {grace} s more")
    time.sleep(grace)
    write(session.cluster, both, new.variables())
    say("the old key opens nothing any more")


def _alter(role: str, session: Session, old: Credentials, new: Credentials) -> None:
    server = jobs.address(session.cluster, "postgres").removeprefix("postgresql://")
    url = f"postgresql://postgres:{old.postgres_password}@{server}/postgres"
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            set_password(connection, role, getattr(new, _ROLES[role]))
    except psycopg.Error as error:
        raise OperatorError(
            f"the database did not take the new password of {role}: {' '.join(str(error).split())}",
            "the new one is in the credentials already: run `just up`, then `just restart postgres`, which sets it",
        ) from error


@contextmanager
def _in_cache(session: Session, password: str) -> Iterator["redis.Redis"]:
    address = jobs.address(session.cluster, "cache").removeprefix("redis://")
    host, _, port = address.rpartition(":")
    try:
        with redis.Redis(host=host, port=int(port), password=password, socket_timeout=10) as client:
            yield client
    except redis.RedisError as error:
        raise OperatorError(
            f"the cache did not take the change: {error}",
            "the new password is in the credentials already: run `just up`, then `just restart cache`, which uses it",
        ) from error


def _add_to_cache(session: Session, old: Credentials, new: Credentials) -> None:
    with _in_cache(session, old.cache_password) as client:
        client.acl_setuser("default", enabled=True, passwords=[f"+{new.cache_password}"])


def _take_from_cache(session: Session, old: Credentials, new: Credentials) -> None:
    with _in_cache(session, new.cache_password) as client:
        client.acl_setuser("default", enabled=True, passwords=[f"-{old.cache_password}"])


def _altering(role: str) -> Callable[[Session, Credentials, Credentials], None]:
    return lambda session, old, new: _alter(role, session, old, new)


ROTATIONS: dict[str, Rotation] = {
    **{f"database-{role}": Rotation(field, before=_altering(role)) for role, field in _ROLES.items()},
    "cache": Rotation("cache_password", before=_add_to_cache, after=_take_from_cache),
    "webhook": Rotation("webhook_secret"),
    "mlflow": Rotation("mlflow_password"),
    "mlflow-api": Rotation("mlflow_api_password"),
    "mlflow-reader": Rotation("mlflow_reader_password"),
    "prefect": Rotation("prefect_password"),
}
_NAMES = (*ROTATIONS, _API_KEY)
