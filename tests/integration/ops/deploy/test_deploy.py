"""From no secret to planned jobs, on a real Nomad; moto stands in for Secrets Manager, and a dictionary for Terraform's outputs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography import x509

from ops.deploy import command, secrets
from ops.deploy.command import deploy
from ops.errors import OperatorError
from ops.images.build import JOBS as IMAGES
from ops.nomad import access, jobs
from ops.nomad.cluster import Cluster
from ops.terraform import outputs, trial
from tests.clusters import Scheduler, scheduler
from tests.unit.ops.deploy.test_variables import CLOUD

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]
NAMES = (
    "authority",
    "certificate-authority",
    "server-certificate",
    "client-certificate",
    "gossip-key",
    "bootstrap-token",
)
TOPIC = "arn:aws:sns:us-east-1:123456789012:closecast-alerts"


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with trial.moto(tmp_path / "moto.log") as endpoint:
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "moto",
            "AWS_SECRET_ACCESS_KEY": "moto",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
        yield boto3.client("secretsmanager", region_name="us-east-1")


@pytest.fixture
def nomad(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    with scheduler(monkeypatch) as made:
        for job in made.credentials.variables():
            made.cluster.put_variable(f"nomad/jobs/{job}", {})
        monkeypatch.setenv("NOMAD_ADDR", made.cli.agent.address)
        monkeypatch.setenv("NOMAD_TOKEN", made.credentials.nomad_management_token)
        yield made


@pytest.fixture
def applied(manager: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Terraform would tell of an environment that it has made: empty secrets, and the password that AWS made."""
    arns = {f"nomad-{name}": manager.create_secret(Name=f"closecast/nomad-{name}")["ARN"] for name in NAMES}
    password = manager.create_secret(Name="rds", SecretString=json.dumps({"password": "made by AWS"}))["ARN"]
    found = {
        "region": "us-east-1",
        "secret_arns": arns,
        "alerts_topic": TOPIC,
        "cloud": {**CLOUD, "database_superuser": password},
    }
    monkeypatch.setattr(outputs, "outputs", lambda _: found)
    return found


def _values(manager: Any, found: dict[str, Any]) -> dict[str, str]:
    return {name: manager.get_secret_value(SecretId=arn)["SecretString"] for name, arn in found["secret_arns"].items()}


def test_secrets_are_made_once_and_jobs_are_planned(
    manager: Any,
    applied: dict[str, Any],
    nomad: Scheduler,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # when the machines' secrets are made, and made again
    assert secrets.secrets(["staging", "--machines"]) == 0
    first = _values(manager, applied)
    assert secrets.secrets(["staging", "--machines"]) == 0
    # then they stay as they are
    assert _values(manager, applied) == first
    assert "6 made" in (printed := capsys.readouterr().out)
    assert "all are there" in printed
    root = x509.load_pem_x509_certificate(first["nomad-certificate-authority"].encode())
    for role in ("server", "client"):
        leaf = x509.load_pem_x509_certificate(json.loads(first[f"nomad-{role}-certificate"])["certificate"].encode())
        leaf.verify_directly_issued_by(root)
    assert "PRIVATE KEY" not in first["nomad-certificate-authority"]

    # when nobody says who signs for the database, then that is asked for
    with pytest.raises(OperatorError, match="nobody has said who signs for the database"):
        secrets.secrets(["staging"])
    # when the jobs' secrets are made, and made again
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(first["nomad-certificate-authority"])
    assert secrets.secrets(["staging", "--database-ca", str(bundle)]) == 0
    of_jobs = _variables(nomad.cluster)
    assert secrets.secrets(["staging"]) == 0
    # then they stay as they are, and no job has a key to the object store
    assert _variables(nomad.cluster) == of_jobs
    assert of_jobs["postgres"]["superuser_password"] == "made by AWS"
    assert of_jobs["api"]["cache_password"] == of_jobs["cache"]["password"]
    assert TOPIC in of_jobs["alerts"]["sinks"]
    assert not [name for items in of_jobs.values() for name in items if "object_store" in name]

    # when the jobs are planned without images, then that is told
    monkeypatch.setattr(command, "JOBS", ("journal", "score"))
    monkeypatch.setattr(command, "digests_file", lambda _: tmp_path / "staging.images.json")
    monkeypatch.setattr(command, "vars_file", lambda _: tmp_path / "staging.hcl")
    monkeypatch.setattr(command, "before_file", lambda _: tmp_path / "staging.before.json")
    with pytest.raises(OperatorError, match="no images were pushed for staging"):
        deploy(["staging", "--plan"])
    digests = {image: f"registry.example.com/{image}@sha256:{'0' * 64}" for image in IMAGES}
    (tmp_path / "staging.images.json").write_text(json.dumps(digests))
    # when they are planned, then what would change is shown, and nothing is changed
    capsys.readouterr()
    assert deploy(["staging", "--plan"]) == 0
    printed = capsys.readouterr().out
    assert '+ Job: "journal"' in printed
    assert '+ Job: "score"' in printed
    assert nomad.cluster.job("journal") is None
    # when a pipeline plans, then its token is enough for that, and for nothing more
    access.ensure(nomad.cluster)
    with monkeypatch.context() as pipeline:
        pipeline.setenv("NOMAD_TOKEN", nomad.cluster.create_token("a pipeline's", ["deployer"]))
        assert deploy(["staging", "--plan"]) == 0
        with pytest.raises(OperatorError, match="the deployment of journal failed"):
            deploy(["staging", "--yes"])
    assert nomad.cluster.job("journal") is None
    # when the operator does not say yes, then nothing is changed either
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert deploy(["staging"]) == 1
    assert nomad.cluster.job("journal") is None

    # when the operator says yes, then jobs are submitted as planned; this Nomad has no Docker, so nothing waits for them
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    monkeypatch.setattr(command, "JOBS", ("score",))
    assert deploy(["staging"]) == 0
    assert _image(nomad.cluster) == digests["serving"]
    # then there is nothing more to do
    capsys.readouterr()
    assert deploy(["staging"]) == 0
    assert "no job changes" in capsys.readouterr().out

    # when a later release turns out to be wrong, then its job goes back to the image before
    digests["serving"] = digests["serving"].replace("0", "1")
    (tmp_path / "staging.images.json").write_text(json.dumps(digests))
    assert deploy(["staging", "--yes"]) == 0
    assert _image(nomad.cluster) == digests["serving"]
    assert deploy(["staging", "--back"]) == 0
    assert _image(nomad.cluster) == digests["serving"].replace("1", "0")
    # then it is done: nothing is noted any more
    with pytest.raises(OperatorError, match="no deployment to staging is noted here"):
        deploy(["staging", "--back"])


def _image(cluster: Cluster) -> str:
    found = cluster.job("score")
    assert found is not None
    return str(found["TaskGroups"][0]["Tasks"][0]["Config"]["image"])


def _variables(cluster: Cluster) -> dict[str, dict[str, str]]:
    return {job: cluster.variable(f"nomad/jobs/{job}") for job in (*jobs.NAMES, *jobs.BATCH)}
