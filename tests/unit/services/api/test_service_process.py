"""What a process of the service has in it: every start and every instance pays for it."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["services.api.__main__", "services.api.batch_worker"])
def test_no_process_of_the_service_imports_scikit_learn(module: str) -> None:
    code = (
        f"import {module}, sys; print([name for name in sys.modules if name.startswith(('sklearn.', 'scipy.stats'))])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
