"""checkov's rules on the Terraform modules and the Dockerfile. A rule that is not kept says why, where it is broken."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from ops.errors import OperatorError
from ops.policy.finding import Finding
from ops.setup.environment import CHECKS

_WHERE = ("--directory", "terraform", "--directory", "services")
_HOW = (
    "--skip-path",
    "moto",
    "--framework",
    "terraform",
    "dockerfile",
    "--skip-download",
    "--compact",
    "--quiet",
    "--output",
    "json",
)


def run(project: Path) -> tuple[int, list[Finding]]:
    """How many checks `project` passed, and what is broken without a reason. Raises OperatorError when checkov fails."""
    CHECKS.ensure()
    done = subprocess.run(
        [str(CHECKS.program("checkov")), *_WHERE, *_HOW],
        cwd=project,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    try:
        results = list(_documents(done.stdout))
    except ValueError as error:
        raise OperatorError(
            f"checkov failed: {done.stderr.strip()[-800:] or done.stdout[-800:]}", "mend what it names"
        ) from error
    found = {
        Finding(one["check_id"], f"{one['file_path'].lstrip('/')} {one['resource']}: {one['check_name']}")
        for result in results
        for one in result.get("results", {}).get("failed_checks", [])
    }
    passed = sum(result.get("summary", result).get("passed", 0) for result in results)
    if not passed:
        raise OperatorError(f"checkov checked nothing: {done.stderr.strip()[-800:]}", "mend what it names")
    return passed, sorted(found, key=str)


def _documents(text: str) -> Any:
    """The JSON documents that follow each other in `text`: one a directory, or a list of them."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        document, end = decoder.raw_decode(text, at)
        yield from document if isinstance(document, list) else [document]
        at = end + len(text[end:]) - len(text[end:].lstrip())
