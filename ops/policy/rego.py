"""The rules of policies/rego on job files and on what Terraform would make, by the Open Policy Agent."""

import json
import subprocess
from pathlib import Path
from typing import Any

from ops import paths
from ops.errors import OperatorError
from ops.policy.finding import Finding

RULES = paths.PROJECT / "policies" / "rego"


def of_job(opa: Path, job: dict[str, Any], environment: str) -> list[Finding]:
    """What of the rules on jobs `job`, as Nomad prints it, breaks in an environment."""
    return _denied(opa, "data.closecast.jobs.deny", {"environment": environment, "job": job})


def of_terraform(opa: Path, shown: dict[str, Any]) -> list[Finding]:
    """What of the rules on resources a plan or a state breaks, as `terraform show -json` prints it."""
    return _denied(opa, "data.closecast.terraform.deny", shown)


def own_tests(opa: Path) -> str:
    """Try the rules on their own tests; returns how many passed. Raises OperatorError when one fails."""
    for arguments in (["check", "--strict"], ["test"]):
        done = subprocess.run([str(opa), *arguments, str(RULES)], capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            raise OperatorError(f"opa {arguments[0]} failed:\n{done.stdout}{done.stderr}", "mend policies/rego")
    return done.stdout.strip()


def _denied(opa: Path, query: str, document: dict[str, Any]) -> list[Finding]:
    command = [str(opa), "eval", "--format", "json", "--data", str(RULES), "--stdin-input", query]
    done = subprocess.run(command, input=json.dumps(document), capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise OperatorError(f"opa eval failed: {done.stdout}{done.stderr}", "mend policies/rego")
    results = json.loads(done.stdout)["result"]
    return sorted((Finding(**one) for one in results[0]["expressions"][0]["value"]), key=str)
