"""detect-secrets on every file of the repository: keys, tokens and what looks random enough to be one."""

import json
import subprocess

from ops import paths
from ops.errors import OperatorError
from ops.policy.finding import Finding
from ops.setup.environment import CHECKS

# Digests are no secrets, and there are thousands; passwords in examples and tests are words, which the other rules leave out.
_WITHOUT = ("HexHighEntropyString", "KeywordDetector", "BasicAuthDetector")
_LOCKS = (r"(^|/)requirements.*\.txt$", r"^services/requirements/", r"(^|/)go\.sum$")


def run() -> tuple[int, list[Finding]]:
    """How many files were read, and what was found. Raises OperatorError when the tool fails."""
    CHECKS.ensure()
    listed = subprocess.run(["git", "ls-files"], cwd=paths.PROJECT, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise OperatorError(f"git ls-files failed: {listed.stderr.strip()}", "run this in a clone of Closecast")
    command = [str(CHECKS.program("python")), "-m", "detect_secrets", "scan"]
    command += [option for plugin in _WITHOUT for option in ("--disable-plugin", plugin)]
    command += [option for pattern in _LOCKS for option in ("--exclude-files", pattern)]
    done = subprocess.run(command, cwd=paths.PROJECT, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise OperatorError(f"detect-secrets failed: {done.stderr.strip()[-800:]}", "mend what it names")
    found = json.loads(done.stdout)["results"]
    findings = [
        Finding("secret", f"{file}:{one['line_number']} looks like a secret ({one['type']})")
        for file, ones in found.items()
        for one in ones
    ]
    return len(listed.stdout.splitlines()), findings
