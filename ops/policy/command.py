"""The command `policy`: every rule on job files, Terraform, IAM and the Dockerfile, and a search for secrets."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ops.cli.arguments import nothing
from ops.deploy import variables
from ops.deploy.command import JOBS
from ops.images.build import JOBS as IMAGES
from ops.nomad import jobs
from ops.paths import LOCAL_VARS, PROJECT
from ops.policy import checkov, iam, rego, secret_scan
from ops.policy.finding import Finding
from ops.setup import nomad_binary
from ops.setup.opa_binary import OPA
from ops.terraform import trial

# Made up: what Terraform tells of an environment, for how the job files look there.
_CLOUD = {
    "database": "database.example.com:5432",
    "gateway_port": 8443,
    "instances": {"api": 2, "gateway": 2},
    "roles": {name: f"arn:aws:iam::123456789012:role/closecast-{name}" for name in JOBS},
    "url": "https://closecast.example.com",
}


def policy(arguments: list[str]) -> int:
    """Try the rules on themselves, on every job file, on plans of staging and production, on IAM and on the images."""
    nothing("policy", policy.__doc__, arguments)
    opa, nomad = OPA.find_or_install().path, nomad_binary.find_or_install()
    print(f"tests of the rules: {rego.own_tests(opa)}")
    found: list[Finding] = []
    for environment, names, file in _job_variables():
        for name in names:
            found += rego.of_job(opa, jobs.specification(nomad, name, file), environment)
        print(f"{len(names)} job files are judged as in {environment}")
    for name, shown in _plans().items():
        if name == trial.POLICIES:
            policies = iam.rendered(shown)
            found += iam.findings(policies)
            print(f"{len(policies)} policies of IAM are judged")
        else:
            found += rego.of_terraform(opa, shown)
            print(f"the plan of {name} is judged: {len(shown['resource_changes'])} resources")
    passed, broken = checkov.run(PROJECT)
    found += broken
    print(f"checkov: {passed} checks passed")
    files, broken = secret_scan.run()
    found += broken
    print(f"{files} files of the repository are searched for secrets")
    for one in found:
        print(f"✗ {one}")
    print("no rule is broken" if not found else f"{len(found)} findings")
    return 1 if found else 0


def _job_variables() -> Iterator[tuple[str, tuple[str, ...], Path]]:
    """Environments, the jobs that run there, and the variables of their files."""
    yield "local", (*jobs.NAMES, *jobs.BATCH), LOCAL_VARS
    with tempfile.TemporaryDirectory(prefix="closecast-policy-") as folder:
        file = Path(folder) / "production.hcl"
        digests = {image: f"registry.example.com/{image}@sha256:{'0' * 64}" for image in IMAGES}
        authorities = {"database": "a certificate", "cache": "a certificate"}
        file.write_text(variables.of(_CLOUD, digests, authorities).hcl("production"))
        yield "production", JOBS, file


def _plans() -> dict[str, dict[str, Any]]:
    """Plans by name, made against moto: of the environments of AWS, and of the policies of IAM alone."""
    with tempfile.TemporaryDirectory(prefix="closecast-policy-") as scratch:
        folder = Path(scratch)
        with trial.moto(folder / "moto.log") as endpoint:
            tree = trial.copy(folder)
            roots = {name: trial.environment(name, tree, endpoint) for name in trial.REGIONS}
            roots[trial.POLICIES] = trial.policies(tree, endpoint)
            return {name: root.plan() for name, root in roots.items()}
