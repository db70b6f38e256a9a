"""Environments of AWS in a copy of the tree, against moto, which stands in for AWS: for policies and tests.

terraform/moto/README.md says what moto does otherwise than AWS.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import paths, servers
from ops.errors import OperatorError
from ops.terraform import program
from services.bucket_mirror import terraform

# moto gives all databases of a region one identifier; buckets and roles are of the whole account.
REGIONS = {"staging": "eu-west-1", "production": "eu-central-1"}
_MADE_BY_TERRAFORM = (".terraform", ".terraform.lock.hcl", "*.tfstate*", "*.tfvars", "backend.hcl")
# A configuration of the modules that make policies, with values that are known before anything is made.
POLICIES = "policies"
_POLICIES = """
provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}

locals {
  of = "arn:aws:%s:eu-central-1:123456789012:%s"
}

module "identity" {
  source          = "../../modules/identity"
  name            = "closecast-policies"
  issuer          = "https://nomad.example.com"
  jobs            = jsondecode(file("../../../policies/iam/jobs.json"))
  buckets         = { for role in ["lake", "artifacts"] : role => "arn:aws:s3:::closecast-${role}" }
  topics          = { alerts = format(local.of, "sns", "closecast-alerts") }
  data_key_arn    = format(local.of, "kms", "key/11111111-1111-1111-1111-111111111111")
  alerts_key_arn  = format(local.of, "kms", "key/22222222-2222-2222-2222-222222222222")
  ci              = { repository = "acme/closecast", environment = "production" }
  repository_arns = [format(local.of, "ecr", "repository/closecast/ui")]
}

module "nomad_cluster" {
  source          = "../../modules/nomad_cluster"
  name            = "closecast-policies"
  vpc_id          = "vpc-0123456789abcdef0"
  cidr            = "10.40.0.0/16"
  private_subnets = { a = "subnet-a", b = "subnet-b", c = "subnet-c" }
  ami_id          = "ami-0123456789abcdef0"
  nomad           = { version = "1.11.3", sha256 = "%s" }
  issuer          = "https://nomad.example.com"
  servers         = { instance_type = "t3.small" }
  clients = {
    general = { instance_type = "m7i.large", least = 3, most = 6 }
    cache = {
      instance_type      = "t3.small"
      least              = 1
      most               = 1
      subnet_ids         = ["subnet-a"]
      security_group_ids = ["sg-cache"]
      volume             = { id = "vol-0123456789abcdef0", arn = format(local.of, "ec2", "volume/vol-0123456789abcdef0") }
    }
  }
  secret_arns = { for name in [
    "gossip-key", "certificate-authority", "server-certificate", "client-certificate", "bootstrap-token", "client-introduction",
  ] : name => format(local.of, "secretsmanager", "secret:${name}-AbCdEf") }
  keyring_key_arn = format(local.of, "kms", "key/33333333-3333-3333-3333-333333333333")
  data_key_arn    = format(local.of, "kms", "key/11111111-1111-1111-1111-111111111111")
  repository_arns = [format(local.of, "ecr", "repository/closecast/ui")]
  log_group       = "/closecast/jobs"
  log_group_arns  = [format(local.of, "logs", "log-group:/closecast/jobs")]
}

output "policies" {
  value = merge(module.identity.policies, { for name, one in module.nomad_cluster.policies : "machine-${name}" => one })
}
"""
# Where the provider goes, that the state is a file, and that what was made may be deleted.
_OVERRIDE = """
terraform {
  backend "local" {}
}

provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  max_retries                 = 2
}

module "platform" {
  disposable = true
}
"""


@dataclass(frozen=True)
class Root:
    """One environment in a copy of the tree, and the variables with which Terraform reaches its cloud."""

    folder: Path
    variables: Mapping[str, str]

    def set(self, **values: Any) -> None:
        """Give these values to the environment's variables, beside those it has."""
        file = self.folder / "terraform.tfvars.json"
        before = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**before, **values}))

    def initialise(self, *, backend: bool = True) -> None:
        """Run `terraform init`, with the state in a file beside the configuration."""
        where = [f"-backend-config=path={self.folder / 'terraform.tfstate'}"] if backend else []
        program.initialise(self.folder, *where)

    def apply(self) -> None:
        self._run("apply", "-auto-approve", "-input=false", "-no-color")

    def destroy(self) -> None:
        self._run("destroy", "-auto-approve", "-input=false", "-no-color")

    def plan(self, *options: str) -> dict[str, Any]:
        """A plan, as `terraform show -json` prints it."""
        self._run("plan", "-input=false", "-no-color", "-out=plan", *options)
        found: dict[str, Any] = json.loads(self._run("show", "-json", "plan"))
        return found

    def state(self) -> dict[str, Any]:
        """What is there, as `terraform show -json` prints it."""
        found: dict[str, Any] = json.loads(self._run("show", "-json"))
        return found

    def changes(self, *options: str) -> dict[str, list[str]]:
        """What a plan would change: the actions by address; empty when nothing differs."""
        found = {one["address"]: one["change"]["actions"] for one in self.plan(*options)["resource_changes"]}
        return {address: actions for address, actions in found.items() if actions not in (["no-op"], ["read"])}

    def _run(self, *arguments: str) -> str:
        done = program.run(self.folder, *arguments, variables=self.variables, capture=True)
        if done.returncode:
            raise OperatorError(
                f"terraform {arguments[0]} of {self.folder.name} failed: {terraform.reason(done.stderr or done.stdout)}",
                "mend what it names",
            )
        return done.stdout


def copy(target: Path) -> Path:
    """Copy the tree, and the policies that it reads, below `target`; returns the copy of the tree."""
    for folder in (program.TREE, paths.PROJECT / "policies"):
        shutil.copytree(folder, target / folder.name, ignore=shutil.ignore_patterns(*_MADE_BY_TERRAFORM))
    return target / program.TREE.name


@contextmanager
def moto(log: Path) -> Iterator[str]:
    """Run moto on a loopback port until the end of the block, and give its address."""
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "ops.terraform.moto_server", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(paths.PROJECT), "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    with servers.running(command, environment, log, f"{url}/moto-api/", 60):
        yield url


def policies(tree: Path, endpoint: str) -> Root:
    """A configuration whose output `policies` has every policy of IAM as JSON, in a plan already."""
    folder = tree / "environments" / POLICIES
    folder.mkdir()
    (folder / "main.tf").write_text(_POLICIES.replace('sha256 = "%s"', f'sha256 = "{"0" * 64}"'))
    root = Root(folder, _reach(endpoint, "eu-central-1"))
    root.initialise(backend=False)
    return root


def _reach(endpoint: str, region: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "moto",
        "AWS_SECRET_ACCESS_KEY": "moto",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "NO_PROXY": "127.0.0.1",
    }


def environment(name: str, tree: Path, endpoint: str) -> Root:
    """The environment `name` of a copy of the tree, initialised, with made-up values and moto at `endpoint`."""
    import boto3

    for override in (tree / "moto").glob("*.tf"):
        shutil.copy(override, tree / "modules" / override.stem / "moto_override.tf")
    folder, region = tree / "environments" / name, REGIONS[name]
    (folder / "trial_override.tf").write_text(_OVERRIDE)
    route53 = boto3.client(
        "route53", endpoint_url=endpoint, region_name=region, aws_access_key_id="moto", aws_secret_access_key="moto"
    )
    zone = route53.create_hosted_zone(Name=f"{name}.example.com", CallerReference=name)["HostedZone"]["Id"]
    root = Root(folder, _reach(endpoint, region))
    root.set(
        account="123456789012",
        region=region,
        zones=[f"{region}{letter}" for letter in "abc"],
        name=f"closecast-{name}",
        domain=f"closecast.{name}.example.com",
        issuer_domain=f"nomad.{name}.example.com",
        zone_id=zone.rpartition("/")[2],
        ami_id="ami-0123456789abcdef0",
        ci={"repository": "acme/closecast", "environment": name},
    )
    root.initialise()
    return root
