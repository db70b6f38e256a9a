"""The command `secrets`: make an environment's secrets, each once.

What the machines need before there is a Nomad goes to Secrets Manager, what the jobs need to Nomad's Variables.
"""

import base64
import json
import secrets as random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from closecast.cli.files import named_by_user
from ops.cli.arguments import Arguments
from ops.cli.progress import say
from ops.deploy import certificates
from ops.deploy.nomad import connect
from ops.errors import OperatorError
from ops.nomad import access
from ops.nomad.cluster import Cluster
from ops.setup.credentials import Credentials
from ops.terraform import outputs

# Of Nomad's machines, by name in Terraform's output `secret_arns`. The authority's key stays out of their reach.
_AUTHORITY, _ROOT = "nomad-authority", "nomad-certificate-authority"
CREDENTIALS, CACHE_AUTHORITY, DATABASE_AUTHORITY = (
    f"closecast/{name}" for name in ("credentials", "cache-authority", "database-authority")
)
_LOCAL_ONLY = ("localstack",)


def secrets(arguments: list[str]) -> int:
    """Make the secrets of an environment that are missing: those of its machines, and once Nomad runs those of its jobs."""
    given = (
        Arguments("secrets", secrets.__doc__)
        .place("environment", "staging or production")
        .option(
            "database-ca", str, "the certificates of who signs for the database: AWS's global-bundle.pem", value="file"
        )
        .flag("machines", "make only what the machines need to start, while there is no Nomad yet")
        .given(arguments)
    )
    found = outputs.outputs(given.environment)
    made = of_machines(_manager(found["region"]), found["secret_arns"])
    say(f"secrets of the machines: {_counted(made)}")
    if given.machines:
        return 0
    session = connect()
    access.ensure(session.cluster)
    password = administrator_password(_manager(found["region"]), found["cloud"]["database_superuser"])
    made = of_jobs(session.cluster, password, found["alerts_topic"])
    if given.database_ca is not None:
        session.cluster.put_variable(DATABASE_AUTHORITY, {"certificate": _pem(named_by_user(given.database_ca))})
    elif not session.cluster.variable(DATABASE_AUTHORITY):
        raise OperatorError(
            "nobody has said who signs for the database",
            "get https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem and name it with --database-ca",
        )
    say(f"secrets of the jobs: {_counted(made)}")
    return 0


def of_machines(manager: Any, arns: Mapping[str, str]) -> list[str]:
    """Make what is missing of the machines' secrets in Secrets Manager (a client of boto3); returns the names."""
    made: list[str] = []

    def value(name: str, make: Callable[[], str]) -> str:
        try:
            return str(manager.get_secret_value(SecretId=arns[name])["SecretString"])
        except manager.exceptions.ResourceNotFoundException:
            fresh = make()
            manager.put_secret_value(SecretId=arns[name], SecretString=fresh)
            made.append(name)
            return fresh

    authority = certificates.Certificate(
        **json.loads(value(_AUTHORITY, lambda: _json(certificates.authority("Closecast Nomad"))))
    )
    value(_ROOT, lambda: authority.certificate)
    for role in ("server", "client"):
        value(f"nomad-{role}-certificate", partial(_of_machine, authority, role))
    value("nomad-gossip-key", lambda: base64.b64encode(random.token_bytes(32)).decode())
    value("nomad-bootstrap-token", lambda: str(uuid.uuid4()))
    return made


def of_jobs(cluster: Cluster, administrator: str, topic: str) -> list[str]:
    """Make what is missing of the jobs' Variables; returns the paths that were written.

    `administrator` is the password of the database's administrator, `topic` the ARN of the one for alerts.
    """
    written: list[str] = []

    def write(path: str, items: dict[str, str]) -> None:
        if cluster.variable(path) != items:
            cluster.put_variable(path, items)
            written.append(path)

    kept = cluster.variable(CREDENTIALS)
    credentials = replace(Credentials.completed(kept), postgres_password=administrator)
    if not kept:
        credentials = replace(credentials, alert_sinks=json.dumps([{"kind": "sns", "name": "sns", "topic": topic}]))
    write(CREDENTIALS, credentials.items())
    if not cluster.variable(CACHE_AUTHORITY):
        # The authority's key is forgotten: a new certificate comes with a new authority.
        authority = certificates.authority("Closecast cache")
        cache = certificates.signed(authority, ["cache"])
        write("closecast/cache", {"certificate": cache.certificate, "key": cache.key})
        write(CACHE_AUTHORITY, {"certificate": authority.certificate})
    for job, items in credentials.variables().items():
        if job in _LOCAL_ONLY:
            continue
        # In AWS, jobs prove who they are: there are no keys to the object store.
        items = {name: value for name, value in items.items() if not name.startswith("object_store")}
        if job == "cache":
            items |= cluster.variable("closecast/cache")
        if items:
            write(f"nomad/jobs/{job}", items)
    return written


def administrator_password(manager: Any, arn: str) -> str:
    """The password of the database's administrator, which AWS made and keeps."""
    return str(json.loads(manager.get_secret_value(SecretId=arn)["SecretString"])["password"])


def _manager(region: str) -> Any:
    import boto3

    return boto3.client("secretsmanager", region_name=region)


def _of_machine(authority: certificates.Certificate, role: str) -> str:
    return _json(certificates.signed(authority, [f"{role}.global.nomad", "localhost", "127.0.0.1"]))


def _json(certificate: certificates.Certificate) -> str:
    return json.dumps({"certificate": certificate.certificate, "key": certificate.key})


def _pem(file: Path) -> str:
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{file} cannot be read: {error}", "name a file of certificates (PEM)") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise OperatorError(f"{file} has no certificate", "name a file of certificates (PEM)")
    return text


def _counted(made: list[str]) -> str:
    return f"{len(made)} made" if made else "all are there"
