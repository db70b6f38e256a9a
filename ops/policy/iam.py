"""The policies of IAM as Terraform renders them, judged by parliament and cloudsplaining."""

import json
import subprocess
from pathlib import Path
from typing import Any

from ops.errors import OperatorError
from ops.policy.finding import Finding
from ops.setup.environment import CHECKS

_SCRIPT = Path(__file__).with_name("analyse_iam.py")


def rendered(plan: dict[str, Any]) -> dict[str, str]:
    """The policies by name, from the outputs of a plan (closecast's module `policies`, ops.terraform.trial)."""
    found: dict[str, str] = plan["planned_values"]["outputs"]["policies"]["value"]
    return found


def findings(policies: dict[str, str]) -> list[Finding]:
    """What the policies, JSON by name, allow that they should not. Raises OperatorError when a tool fails."""
    CHECKS.ensure()
    done = subprocess.run(
        [str(CHECKS.program("python")), "-P", str(_SCRIPT)],
        input=json.dumps(policies),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise OperatorError(f"the policies could not be judged: {done.stderr.strip()[-800:]}", "mend what it names")
    return [Finding(**one) for one in json.loads(done.stdout)]
