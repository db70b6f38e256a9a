"""A Docker daemon, a registry and a Nomad that runs containers, for tests as root on a machine that has them."""

import json
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from ops.images import docker
from ops.nomad.cluster import Cluster, wait
from ops.setup import nomad_binary
from tests.servers.processes import free_port, free_ports, running

# What this test needs and a user's machine need not have: named, so that a skip says what is missing.
PROGRAMS = ("dockerd", "docker", "docker-registry", "debootstrap")
_SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_CLIENT = """
data_dir  = "{data}"
name      = "{pool}"
bind_addr = "127.0.0.1"
ports {{
  http = {http}
  rpc  = {rpc}
  serf = {serf}
}}
advertise {{
  http = "127.0.0.1"
  rpc  = "127.0.0.1"
  serf = "127.0.0.1"
}}
disable_update_check = true
acl {{
  enabled = true
}}
{server}
client {{
  enabled           = true
  node_pool         = "{pool}"
  servers           = ["127.0.0.1:{server_port}"]
  network_interface = "docker0"
  min_dynamic_port  = {first}
  max_dynamic_port  = {last}
  options = {{ "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,consul,vault" }}
  template {{
    nomad_retry {{
      attempts    = 0
      backoff     = "250ms"
      max_backoff = "2s"
    }}
  }}
  {volume}
  meta {{
{meta}
  }}
}}
plugin "docker" {{
  config {{
    endpoint         = "{docker}"
    allow_privileged = false
    volumes {{
      enabled = false
    }}
    gc {{
      image = false
    }}
  }}
}}
plugin "raw_exec" {{
  config {{
    enabled = false
  }}
}}
"""
_SERVER = """
server {
  enabled          = true
  bootstrap_expect = 1
  raft_multiplier  = 1
}
"""


def missing() -> str | None:
    """Why containers cannot be tried here, if they cannot."""
    if os.geteuid() != 0:
        return "only root may start a Docker daemon"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    absent += [] if _SERVERS else ["PostgreSQL of Debian"]
    return f"there is no {', '.join(absent)} here" if absent else None


def postgres() -> Path:
    """The folder of a PostgreSQL that knows TLS: that of the wheel, with which the platform runs, does not."""
    return _SERVERS[-1]


@contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """The address of a Docker daemon of the test's own, in DOCKER_HOST too; or of the one that DOCKER_HOST names already."""
    if given := os.environ.get("DOCKER_HOST"):
        yield given
        return
    address = f"unix://{folder}/docker.sock"
    command = ["dockerd", "--host", address, "--pidfile", str(folder / "docker.pid")]
    command += ["--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", address)
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=(folder / "dockerd.log").open("wb"), start_new_session=True
        )
        try:
            wait(lambda: _answers() or process.poll() is not None, 60, "the start of Docker's daemon")
            assert process.poll() is None, (folder / "dockerd.log").read_text()[-1500:]
            yield address
        finally:
            process.terminate()
            process.wait(60)


def _answers() -> bool:
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def base_image(folder: Path) -> str:
    """A base image: Debian with Python, made from its packages, because no registry of images can be reached."""
    name = "closecast-base:bookworm"
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode == 0:
        return name
    root = folder / "root"
    packages = "python3,python3-venv,ca-certificates,libgomp1"
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(root)],
        check=True,
        capture_output=True,
    )
    # pip in the image trusts what this machine trusts.
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc" / "ssl" / "certs")
    for clutter in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"):
        shutil.rmtree(root / clutter)
    archive = subprocess.Popen(["tar", "--directory", str(root), "--create", "."], stdout=subprocess.PIPE)
    subprocess.run(["docker", "import", "-", name], stdin=archive.stdout, check=True, capture_output=True)
    assert archive.wait() == 0
    shutil.rmtree(root)
    return name


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """The address of an image registry on loopback."""
    port = free_port()
    configuration = folder / "registry.yml"
    configuration.write_text(
        json.dumps(
            {
                "version": 0.1,
                "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
                "http": {"addr": f"127.0.0.1:{port}"},
            }
        )
    )
    command = ["docker-registry", "serve", str(configuration)]
    with running(command, dict(os.environ), f"http://127.0.0.1:{port}/v2/", folder):
        yield f"127.0.0.1:{port}"


@dataclass(frozen=True)
class Containers:
    """A Nomad with a client in the pool `default` and one in the pool `cache`, both without raw_exec."""

    cluster: Cluster
    address: str
    token: str
    nomad: Path


@contextmanager
def nomad(folder: Path, endpoint: str, meta: dict[str, str]) -> Iterator[Containers]:
    """Run it until the end of the block. Skips where there is no Nomad."""
    program = nomad_binary.find()
    if program is None:
        pytest.skip("there is no Nomad, and `./just test` tells why it could not get one")
    volume = folder / "volume"
    volume.mkdir()
    os.chown(volume, 10001, 10001)
    http, rpc, serf = _three()
    with ExitStack() as stack:
        for pool, ports, dynamic in (("default", (http, rpc, serf), 21000), ("cache", _three(), 22000)):
            home = folder / pool
            home.mkdir(mode=0o700)
            text = _CLIENT.format(
                data=home / "data",
                pool=pool,
                http=ports[0],
                rpc=ports[1],
                serf=ports[2],
                server=_SERVER if pool == "default" else "",
                server_port=rpc,
                first=dynamic,
                last=dynamic + 900,
                volume="" if pool == "default" else f'host_volume "cache" {{\n path = "{volume}"\n }}',
                meta="\n".join(f"    {name} = {json.dumps(value)}" for name, value in meta.items()),
                docker=endpoint,
            )
            (home / "nomad.hcl").write_text(text)
            command = [str(program.path), "agent", "-config", str(home / "nomad.hcl")]
            stack.enter_context(
                running(command, dict(os.environ), f"http://127.0.0.1:{ports[0]}/v1/agent/health", home)
            )
        address, token = f"http://127.0.0.1:{http}", str(uuid.uuid4())
        cluster = Cluster(address, token)
        cluster.bootstrap(token)
        cluster.allow_oversubscription()
        headers = {"X-Nomad-Token": token}

        def ready() -> bool:
            nodes = httpx.get(f"{address}/v1/nodes", headers=headers).json()
            return len([node for node in nodes if node["Status"] == "ready"]) == 2

        wait(ready, 90, "the registration of both clients")
        yield Containers(cluster, address, token, program.path)
        for job in httpx.get(f"{address}/v1/jobs", headers=headers).json():
            httpx.delete(f"{address}/v1/job/{job['ID']}?purge=true", headers=headers)
        wait(
            lambda: not docker.run("ps", "--quiet", "--filter", "label=com.hashicorp.nomad.alloc_id"),
            90,
            "the end of all containers",
        )


def _three() -> tuple[int, int, int]:
    first = free_ports(3)
    return first, first + 1, first + 2


def bridge() -> str:
    """The machine's address on Docker's own network, which only its containers and the machine itself can reach."""
    return next(one.address for one in psutil.net_if_addrs()["docker0"] if one.family == socket.AF_INET)
