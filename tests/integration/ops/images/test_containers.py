"""The project's job files in containers, on a real Nomad with a real Docker: from empty to a prediction.

As in AWS, the database is somebody else's and wants TLS, the cache has TLS and a volume in a pool of its own, images are
named by digest, and nothing runs by raw_exec. moto stands in for S3; the two clients are processes of this machine.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import psycopg
import pytest

from closecast import version
from ops.deploy import certificates, variables
from ops.images import docker, sbom
from ops.images.build import Image, build
from ops.images.push import push
from ops.model.champion import ensure_champion
from ops.nomad import jobs
from ops.nomad.cluster import Cluster, wait
from ops.policy.rego import of_job
from ops.setup.credentials import Credentials
from ops.setup.opa_binary import OPA
from tests import containers
from tests.containers import Containers
from tests.load import DEAL
from tests.servers.processes import PROJECT, free_port, running

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1800)]
_JOBS = tuple(name for name in (*jobs.NAMES, *jobs.BATCH) if name != "localstack")
_SERVICES = tuple(name for name in jobs.NAMES if name != "localstack")
_PUSHED = ("serving", "stores", "gateway")
_SECRET = re.compile(r"(?i)(password|secret|token|key)[a-z_]*=\S")
_ADMINISTRATOR = "closecast_superuser"
_STAND_IN = """
job "object-store" {{
  group "object-store" {{
    network {{
      port "none" {{}}
    }}
    service {{
      name     = "object-store"
      provider = "nomad"
      address  = "{host}"
      port     = "{port}"
    }}
    task "object-store" {{
      driver = "docker"
      config {{
        image      = "{image}"
        entrypoint = ["sleep"]
        args       = ["1h"]
      }}
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Platform:
    """The platform in containers, and the secrets it was given."""

    containers: Containers
    credentials: Credentials
    file: Path
    images: list[Image]

    def run(self, file: Path, *options: str) -> None:
        environment = {**os.environ, "NOMAD_ADDR": self.containers.address, "NOMAD_TOKEN": self.containers.token}
        command = [str(self.containers.nomad), "job", "run", "-detach", *options, str(file)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def submit(self, name: str) -> None:
        self.run(jobs.file(name), f"-var-file={self.file}")


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="closecast-containers-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def platform(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    if (reason := containers.missing()) is not None:
        pytest.skip(reason)
    monkeypatch.setenv("CLOSECAST_STATE", str(folder / "state"))
    # Debian's client, which belongs to its daemon and can build: another one on PATH may lack buildx.
    monkeypatch.setenv("PATH", f"/usr/bin:{os.environ['PATH']}")
    with containers.daemon(folder) as endpoint, containers.registry(folder) as registry:
        host = containers.bridge()
        images = build("closecast/", containers.base_image(folder))
        # The rest are named by their local digest: compressing them would take two minutes.
        file = push([image for image in images if image.name in _PUSHED], "test", f"{registry}/closecast")
        digests = {image.name: image.id for image in images} | json.loads(file.read_text())
        file.unlink()
        credentials = Credentials.load_or_create()
        meta = {
            "state": "/local",
            "project": "/opt/closecast",
            "caddy": "/usr/local/bin/caddy",
            "prometheus": "/usr/bin/prometheus",
            "alertmanager": "/usr/bin/prometheus-alertmanager",
            "region": "us-east-1",
            "lake_bucket": "lake",
            "artifacts_bucket": "artifacts",
            "nomad_address": "http://127.0.0.1:4646",
        }
        authority = certificates.authority("Closecast test")
        with (
            _object_store(folder, host) as store,
            _database(folder, host, authority, credentials.postgres_password) as database,
            containers.nomad(folder, endpoint, meta) as nomad,
        ):
            cache = certificates.signed(authority, ["cache"])
            cloud = {
                "database": f"{host}:{database}",
                "gateway_port": free_port(),
                "instances": {"api": 2},
                "roles": {},
                "url": "https://closecast.test",
            }
            authorities = {"database": authority.certificate, "cache": authority.certificate}
            rendered = folder / "test.hcl"
            rendered.write_text(variables.of(cloud, digests, authorities).hcl("test"))
            items = credentials.variables()
            items["cache"] |= {"certificate": cache.certificate, "key": cache.key}
            for job, values in items.items():
                nomad.cluster.put_variable(f"nomad/jobs/{job}", values)
            made = Platform(nomad, credentials, rendered, images)
            stand_in = folder / "object-store.nomad.hcl"
            stand_in.write_text(_STAND_IN.format(host=host, port=store, image=digests["stores"]))
            made.run(stand_in)
            yield made


@contextmanager
def _object_store(folder: Path, host: str) -> Iterator[int]:
    """The port of a moto with both buckets."""
    port, home = free_port(), folder / "moto"
    home.mkdir()
    command = [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)]
    with running(command, {}, f"http://{host}:{port}/moto-api/", home):
        s3 = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        for bucket in ("lake", "artifacts"):
            s3.create_bucket(Bucket=bucket)
        yield port


@contextmanager
def _database(folder: Path, host: str, authority: certificates.Certificate, password: str) -> Iterator[int]:
    """The port of a PostgreSQL like RDS: its administrator is no superuser, and there is no way in without TLS."""
    port, home = free_port(), folder / "database"
    home.mkdir()
    shutil.chown(home, "postgres", "postgres")
    data = home / "data"
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
    initdb = [*as_postgres, str(containers.postgres() / "initdb"), "-D", str(data), "-U", "aws", "-A", "trust"]
    subprocess.run(initdb, check=True, capture_output=True)
    leaf = certificates.signed(authority, [host])
    for name, text in (("server.crt", leaf.certificate), ("server.key", leaf.key)):
        (data / name).write_text(text)
        (data / name).chmod(0o600)
        shutil.chown(data / name, "postgres", "postgres")
    (data / "pg_hba.conf").write_text("local all aws trust\nhostssl all all all scram-sha-256\n")
    command = [*as_postgres, str(containers.postgres() / "postgres"), "-D", str(data), "-k", str(home)]
    for setting in (f"listen_addresses={host}", f"port={port}", "ssl=on", "max_connections=200"):
        command += ["-c", setting]
    with running(command, {}, f"tcp://{host}:{port}", home):
        with psycopg.connect(f"host={home} port={port} user=aws dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {_ADMINISTRATOR} LOGIN CREATEROLE CREATEDB PASSWORD '{password}'")
        yield port


def test_the_same_job_files_run_in_containers_and_predict(platform: Platform) -> None:
    # given images that say what they are and what is in them
    _look_at(platform.images)
    cluster = platform.containers.cluster
    # when
    for name in _JOBS:
        platform.submit(name)
    # then all of them are healthy, and train and serve a model
    wait(
        lambda: all(health.healthy for health in jobs.healths(cluster, _SERVICES, ignore=("ready",)).values()),
        300,
        "the health of all jobs",
        pause=2,
    )
    ensure_champion(cluster, "synthetic:2500")
    wait(lambda: jobs.health(cluster, "api").healthy, 60, "the API to be ready")
    answer = httpx.post(
        f"{jobs.address(cluster, 'gateway')}/v1/predictions",
        json=DEAL,
        headers={"X-API-Key": platform.credentials.api_key, "Host": "closecast.test"},
        verify=False,
        timeout=20,
    )
    assert answer.is_success, answer.text
    assert 0 < answer.json()["probability"] < 1

    # then no rule on jobs in production is broken
    for name in _JOBS:
        assert of_job(OPA.find_or_install().path, _as_submitted(cluster, name), "production") == [], name

    # then a container may do little: it is an ordinary account's, without capabilities, and writes to its own folder only
    found = _inspected()
    assert len(found) == len(_SERVICES) + 1 + 1  # two instances of the API, and what stands in for the object store
    for one in found:
        if one["Name"].startswith("/object-store"):
            continue
        host = one["HostConfig"]
        assert one["Config"]["User"] == "10001:10001", one["Name"]
        assert host["ReadonlyRootfs"], one["Name"]
        assert not host["Privileged"], one["Name"]
        assert host["CapDrop"] == ["ALL"], one["Name"]
        assert host["SecurityOpt"] == ["no-new-privileges"], one["Name"]
        assert host["NetworkMode"] == "default", one["Name"]
        assert host["PidMode"] == "", one["Name"]
        # then its environment has no credentials of the machine, and its folders are Nomad's own of this task
        own = [mount["Source"] for mount in one["Mounts"]]
        assert all(one["Config"]["Labels"]["com.hashicorp.nomad.alloc_id"] in path or "/volume" in path for path in own)
        _try_as_a_thief(one["Id"])


def _look_at(images: list[Image]) -> None:
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=PROJECT, text=True).strip()
    for image in images:
        (told,) = json.loads(docker.run("image", "inspect", image.reference))
        assert told["Config"]["Labels"]["org.opencontainers.image.revision"] == commit
        assert told["Config"]["Labels"]["org.opencontainers.image.version"] == image.version
        assert told["Config"]["User"] == "10001:10001"
        assert told["Config"]["Healthcheck"]["Test"][0] == "CMD"
        # then nothing that opens something was left by the build
        history = docker.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", image.reference)
        assert not [line for line in (*history.splitlines(), *told["Config"]["Env"]) if _SECRET.search(line)]
    serving = next(image for image in images if image.name == "serving")
    assert serving.bytes < 450_000_000
    assert "pip.conf" not in docker.run("run", "--rm", "--entrypoint", "ls", serving.reference, "/etc").split()
    asked = ("-P", "-c", "import closecast; print(closecast.__version__)")
    printed = docker.run("run", "--rm", "--entrypoint", "/opt/closecast/bin/python", serving.reference, *asked)
    assert printed == serving.version == version.of_commit(PROJECT, commit)
    bill = json.loads(sbom.bill(serving))
    assert {"litestar", "lightgbm", "libgomp1"} <= {one["name"] for one in bill["components"]}
    assert not {"scipy", "mlflow"} & {one["name"] for one in bill["components"]}


def _as_submitted(cluster: Cluster, name: str) -> dict[str, Any]:
    found = cluster.job(name)
    assert found is not None
    return found


def _inspected() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(docker.run("inspect", *docker.run("ps", "--quiet").split()))
    return found


def _try_as_a_thief(container: str) -> None:
    """Code that runs in the container may not change it, nor become root, nor see the machine."""
    for attempt in (
        "touch /opt/closecast/code/services/planted.py",
        "touch /etc/planted",
        "chown 0:0 /tmp",
        "mknod /tmp/disk b 8 0",
        "mount -t tmpfs none /tmp",
    ):
        done = subprocess.run(["docker", "exec", container, "sh", "-c", attempt], capture_output=True, check=False)
        assert done.returncode != 0, (container, attempt)
