"""The command `policy`: the rules of policies/rego on job files and on what Terraform would make."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import paths
from ops.cli.arguments import nothing
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.setup import nomad_binary
from ops.setup.opa_binary import OPA
from ops.terraform import trial

RULES = paths.PROJECT / "policies" / "rego"


@dataclass(frozen=True)
class Finding:
    """A rule that something breaks, and how."""

    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


def policy(arguments: list[str]) -> int:
    """Try the rules on their own tests, on every job file, and on plans of staging and production."""
    nothing("policy", policy.__doc__, arguments)
    opa, nomad = OPA.find_or_install().path, nomad_binary.find_or_install()
    _own_tests(opa)
    found: list[Finding] = []
    for name in (*jobs.NAMES, *jobs.BATCH):
        found += of_job(opa, jobs.specification(nomad, name), "local")
    print(f"{len((*jobs.NAMES, *jobs.BATCH))} job files are judged")
    for name, plan in plans().items():
        found += of_terraform(opa, plan)
        print(f"the plan of {name} is judged: {len(plan['resource_changes'])} resources")
    for one in found:
        print(f"✗ {one}")
    print("no rule is broken" if not found else f"{len(found)} findings")
    return 1 if found else 0


def of_job(opa: Path, job: dict[str, Any], environment: str) -> list[Finding]:
    """What of the rules on jobs `job`, as Nomad prints it, breaks in an environment."""
    return _denied(opa, "data.closecast.jobs.deny", {"environment": environment, "job": job})


def of_terraform(opa: Path, shown: dict[str, Any]) -> list[Finding]:
    """What of the rules on resources a plan or a state breaks, as `terraform show -json` prints it."""
    return _denied(opa, "data.closecast.terraform.deny", shown)


def plans() -> dict[str, dict[str, Any]]:
    """Plans of the environments of AWS by name, made against moto."""
    with tempfile.TemporaryDirectory(prefix="closecast-policy-") as scratch:
        folder = Path(scratch)
        with trial.moto(folder / "moto.log") as endpoint:
            tree = trial.copy(folder)
            return {name: trial.environment(name, tree, endpoint).plan() for name in trial.REGIONS}


def _own_tests(opa: Path) -> None:
    for arguments in (["check", "--strict"], ["test"]):
        done = subprocess.run([str(opa), *arguments, str(RULES)], capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            raise OperatorError(f"opa {arguments[0]} failed:\n{done.stdout}{done.stderr}", "mend policies/rego")
        if arguments == ["test"]:
            print(f"tests of the rules: {done.stdout.strip()}")


def _denied(opa: Path, query: str, document: dict[str, Any]) -> list[Finding]:
    command = [str(opa), "eval", "--format", "json", "--data", str(RULES), "--stdin-input", query]
    done = subprocess.run(command, input=json.dumps(document), capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise OperatorError(f"opa eval failed: {done.stdout}{done.stderr}", "mend policies/rego")
    results = json.loads(done.stdout)["result"]
    return sorted((Finding(**one) for one in results[0]["expressions"][0]["value"]), key=str)
