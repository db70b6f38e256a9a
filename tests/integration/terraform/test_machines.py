"""What machines of the cluster configure themselves with when they boot: Nomad reads it, and so does the shell."""

import json
import subprocess
from pathlib import Path

import pytest

from ops.setup import nomad_binary
from ops.terraform import program
from tests.integration.terraform.conftest import require_terraform

pytestmark = pytest.mark.integration
_SECRETS = (
    "gossip-key",
    "certificate-authority",
    "server-certificate",
    "client-certificate",
    "bootstrap-token",
    "client-introduction",
)
_ROOT = """
locals {
  t       = "%s"
  region  = "eu-central-1"
  secrets = { for name in %s : name => "arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}" }
  join    = "provider=aws region=eu-central-1 addr_type=private_v4 tag_key=closecast-nomad tag_value=closecast-test"
  install = templatefile("${local.t}/install.sh.tftpl", {
    region = local.region, ca_arn = local.secrets["certificate-authority"]
    nomad  = { version = "1.11.3", sha256 = "%s", processor = "amd64" }
  })
  lifecycle = templatefile("${local.t}/lifecycle.sh.tftpl", { region = local.region, hook = "drain" })
  server = templatefile("${local.t}/server.hcl.tftpl", {
    region = local.region, number = 3, join = local.join, issuer = "https://nomad.example.com"
    key    = "arn:aws:kms:eu-central-1:123456789012:key/1"
  })
  client = { for class in ["general", "cache"] : class => templatefile("${local.t}/client.hcl.tftpl", {
    class = class, region = local.region, join = local.join, minutes = 10, volume = class == "cache"
    logs  = "/closecast-test/jobs"
    meta  = { region = local.region, lake_bucket = "closecast-lake" }
  }) }
}

output "server_hcl" { value = local.server }

output "general_hcl" { value = local.client["general"] }

output "cache_hcl" { value = local.client["cache"] }

output "server_sh" {
  value = templatefile("${local.t}/server.sh.tftpl", {
    install = local.install, lifecycle = local.lifecycle, configuration = local.server, region = local.region, secrets = local.secrets
  })
}

output "general_sh" {
  value = templatefile("${local.t}/client.sh.tftpl", {
    install = local.install, lifecycle = local.lifecycle, configuration = local.client["general"], region = local.region
    group   = "closecast-test-general", class = "general", volume = null, secrets = local.secrets
  })
}

output "cache_sh" {
  value = templatefile("${local.t}/client.sh.tftpl", {
    install = local.install, lifecycle = local.lifecycle, configuration = local.client["cache"], region = local.region
    group   = "closecast-test-cache", class = "cache", volume = { id = "vol-1", arn = "arn" }, secrets = local.secrets
  })
}
"""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of a server, a client and a client with a volume."""
    require_terraform()
    folder = tmp_path_factory.mktemp("rendered")
    templates = program.MODULES / "nomad_cluster" / "templates"
    checksum = nomad_binary.NOMAD.checksums["linux_amd64"]
    (folder / "main.tf").write_text(_ROOT % (templates, json.dumps(_SECRETS), checksum))
    program.initialise(folder)
    done = program.run(folder, "apply", "-auto-approve", "-no-color", capture=True)
    assert done.returncode == 0, done.stderr
    shown = program.run(folder, "output", "-json", capture=True)
    return {name: found["value"] for name, found in json.loads(shown.stdout).items()}


def test_nomad_reads_the_configuration_of_servers_and_clients(rendered: dict[str, str], tmp_path: Path) -> None:
    nomad = nomad_binary.find()
    if nomad is None:
        pytest.skip("there is no Nomad, and `./just test` tells why it could not get one")
    for name in ("server_hcl", "general_hcl", "cache_hcl"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "nomad.hcl").write_text(rendered[name])
        if name == "server_hcl":
            (folder / "gossip.hcl").write_text(
                'server {\n  encrypt = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="\n}\n'
            )
        done = subprocess.run(
            [str(nomad.path), "config", "validate", str(folder)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (name, done.stdout + done.stderr)
        assert "Configuration is valid" in done.stdout
    assert 'host_volume "cache"' in rendered["cache_hcl"]
    assert "host_volume" not in rendered["general_hcl"]


@pytest.mark.parametrize("name", ["server_sh", "general_sh", "cache_sh"])
def test_the_shell_reads_what_a_machine_runs_when_it_boots(name: str, rendered: dict[str, str]) -> None:
    # The shell reads functions and here-documents to their ends, and complains about what is not closed.
    done = subprocess.run(["bash", "-n"], input=rendered[name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "${" not in rendered[name].replace("${1}", ""), "a variable of the template was not filled in"
    assert len(rendered[name].encode()) < 16_384, "user data hold 16 KB"
    assert ("mkfs" in rendered[name]) == (name == "cache_sh")
