"""The imports of the API's processes, which their start waits for."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["services.api.server", "services.api.batch.worker", "closecast.models.deal_model"])
def test_a_process_that_serves_imports_nothing_that_only_fitting_or_reading_exports_needs(module: str) -> None:
    heavy = {"lightgbm", "scipy", "sklearn", "pandera", "clevercsv", "openpyxl"}
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
