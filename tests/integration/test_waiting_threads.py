"""Threads of LightGBM that wait for each other sleep, in every process that trains or scores, however it is started."""

import os
import subprocess
import sys

import pytest

from ops import paths

ENTRIES = (
    "closecast.cli.evaluate",
    "closecast.cli.train",
    "flows.train",
    "flows.evaluate",
    "flows.tune",
    "flows.score",
    "services.trial.__main__",
    "services.score.__main__",
    "services.api.batch.worker",
    "closecast.scoring.pyfunc",
    "benchmarks.scale",
    "benchmarks.scoring",
    "benchmarks.training",
    "tests.conftest",
)


def _told(module: str, policy: str | None) -> set[str]:
    """What the OpenMP libraries of a process say they go by, once `module` and LightGBM are loaded in it."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"OMP_DISPLAY_ENV": "true"} | ({} if policy is None else {"OMP_WAIT_POLICY": policy})
    code = f"import importlib; importlib.import_module({module!r}); import closecast, lightgbm, sklearn.linear_model"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=paths.PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    return {line.partition("=")[2].strip() for line in done.stderr.splitlines() if "OMP_WAIT_POLICY" in line}


@pytest.mark.parametrize("module", ENTRIES)
def test_a_process_that_trains_or_scores_waits_asleep(module: str) -> None:
    assert _told(module, None) == {"'PASSIVE'"}


def test_whoever_sets_the_variable_is_listened_to() -> None:
    assert _told("closecast.models.training", "active") == {"'ACTIVE'"}


def test_a_model_that_mlflow_loads_waits_asleep_too() -> None:
    # given what MLflow does: its own package first, then the model's loader
    assert _told("mlflow.pyfunc", None) == {"'PASSIVE'"}
