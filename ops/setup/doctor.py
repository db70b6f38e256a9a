"""The command `doctor`: what is missing on this machine and how to get it, and leftovers of earlier runs."""

import shutil

from ops.errors import OperatorError
from ops.setup import preflight
from ops.setup.environment import LOCALSTACK, runtime_is_ready


def doctor() -> int:
    """Print one line per finding; returns the exit status, 1 when something that `up` needs is missing."""
    missing = 0
    for finding in preflight.findings():
        if isinstance(finding, OperatorError):
            missing += 1
            print(f"✗ {finding.problem}\n  remedy: {finding.remedy}")
        else:
            print(f"✓ {finding}")
    for name, ready in (("services", runtime_is_ready()), ("LocalStack", LOCALSTACK.is_ready())):
        print(f"✓ Python environment of {name}: " + ("matches its lock" if ready else "not made yet, `up` makes it"))
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    print(
        f"✓ browser for the tests of the UI: {chromium}"
        if chromium
        else "· no Chromium: only the end-to-end tests need one (Debian: apt-get install chromium chromium-driver)"
    )
    print(
        "\neverything that `just up` needs is here"
        if not missing
        else f"\n{missing} thing{'s' * (missing > 1)} must be fixed before `just up`"
    )
    return 1 if missing else 0
