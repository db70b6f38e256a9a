"""The import rules of pyproject.toml refuse what they say they refuse: each violation is planted and must be named."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.processes import PROJECT

PLANTED = [
    ("services.ui.client", "flows.steps"),
    ("flows.steps", "services.ui.client"),
    ("services.ui.client", "services.api.settings"),
    ("services.trial.__main__", "ops.paths"),
    ("closecast.platform.runtime.files", "services.api.settings"),
    ("closecast.platform.runtime.files", "closecast.cli.errors"),
    ("closecast.cli.predict", "ops.paths"),
    ("closecast.cli.train", "services.api.settings"),
    ("closecast.deals.dates", "closecast.models.metrics"),
    ("closecast.deals.span", "closecast.features.cycles"),
    ("closecast.features.cycles", "closecast.models.metrics"),
    ("closecast.features.running_totals", "closecast.platform.runtime.files"),
    ("closecast.features.cohorts", "ops.paths"),
    ("closecast.models.metrics", "closecast.monitoring.confidence"),
    ("closecast.scoring.rules", "closecast.monitoring.outcomes"),
    ("closecast.monitoring.confidence", "closecast.platform.runtime.files"),
    *(("closecast.features.declared", module) for module in ("os", "time", "requests", "urllib", "httpx")),
    *(("closecast.models.calibration", module) for module in ("prefect", "mlflow", "litestar")),
    *(("closecast.monitoring.outcomes", module) for module in ("os", "time", "psycopg")),
    *(("closecast.deals.quality", module) for module in ("redis", "psycopg", "boto3", "socket", "subprocess")),
]
CYCLES = [
    ("closecast.models.card", "closecast.models.golden"),
    ("closecast.monitoring.outcomes", "closecast.monitoring.matured"),
]


def _checked(project: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(
        command,
        cwd=project,
        env={"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a copy of the project in which all of it is planted at once."""
    project = tmp_path_factory.mktemp("project")
    for name in ("closecast", "flows", "services", "ops"):
        shutil.copytree(PROJECT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", project)
    before = _checked(project)
    assert before.returncode == 0, before.stdout + before.stderr
    for importer, imported in (*PLANTED, *CYCLES):
        file = project.joinpath(*importer.split(".")).with_suffix(".py")
        file.write_text(f"{file.read_text()}\nimport {imported}\n")
    done = _checked(project)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("importer", "imported"), PLANTED)
def test_a_planted_import_is_refused(report: str, importer: str, imported: str) -> None:
    assert re.search(rf"{re.escape(importer)} -> {re.escape(imported)} \(l\.\d+\)", report), report


@pytest.mark.parametrize("package", ["closecast.models", "closecast.monitoring"])
def test_a_cycle_is_refused(report: str, package: str) -> None:
    assert f"No cycles are allowed in {package}" in report
