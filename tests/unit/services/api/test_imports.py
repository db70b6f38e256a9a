"""The imports of the API's processes, which their start waits for."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["services.api.server", "services.api.batch.worker", "closecast.models.deal_model"])
def test_a_process_that_serves_imports_nothing_that_only_fitting_or_reading_exports_needs(module: str) -> None:
    heavy = {"lightgbm", "scipy", "sklearn", "pandera", "clevercsv", "openpyxl"}
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_upload_is_checked_without_what_the_image_lacks() -> None:
    # What the lock of the image leaves out (ops.setup.locks) is away here too.
    code = """
import sys
left_out = {"scipy", "sklearn", "narwhals", "polyfactory", "faker", "rich", "rich_click", "pygments", "optuna", "kagglesdk"}
class Away:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in left_out:
            raise ModuleNotFoundError(f"{name} is not in the image")
sys.meta_path.insert(0, Away())
import services.api.server
from closecast.deals.synthetic.generator import generate
from services.api.checks.reader import outcome
found = outcome(generate(400, seed=3).to_csv(index=False).encode(), None)
print(found.problem, len(bytes(found.findings or b"")) > 1000)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "None True\n", done.stderr
