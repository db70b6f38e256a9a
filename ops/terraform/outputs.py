"""What Terraform says of an environment that was applied."""

import json
from typing import Any

from ops.errors import OperatorError
from ops.terraform import environments


def outputs(environment: str) -> dict[str, Any]:
    """The outputs of `environment` by name. Raises OperatorError when it was not applied, or its state is out of reach."""
    done = environments.initialised(environment).run("output", "-json", "-no-color", capture=True)
    if done.returncode:
        raise OperatorError(f"terraform output failed: {done.stderr.strip()[-600:]}", "mend what it names")
    found = {name: one["value"] for name, one in json.loads(done.stdout).items()}
    if not found:
        raise OperatorError(f"{environment} was never applied", f"run `just tf apply {environment}` first")
    return found


def cloud(environment: str) -> dict[str, Any]:
    """What the jobs of `environment` need to know of AWS. Raises OperatorError when it is not in AWS."""
    found = outputs(environment).get("cloud")
    if found is None:
        raise OperatorError(f"{environment} is not in AWS", "name staging or production")
    return dict(found)
