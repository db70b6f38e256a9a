"""One LocalStack and companion for the tests of a file."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.services.bucket_mirror.stage import Stage
from tests.localstack_script import skip_without_environment


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, tuple[int, dict[str, Any]]]]:
    """The stage after its first seed, and what the companion's health said before LocalStack was there."""
    skip_without_environment()
    if shutil.which("terraform") is None:
        pytest.skip("there is no terraform on PATH: `./just doctor` tells how to get it")
    stage = Stage(tmp_path_factory.mktemp("companion"))
    try:
        stage.start_companion()
        before = stage.health()
        stage.start_localstack()
        stage.wait_for_state("ready")
        yield stage, before
    finally:
        stage.close()


@pytest.fixture
def stage(seeded: tuple[Stage, tuple[int, dict[str, Any]]]) -> Stage:
    """LocalStack and companion up and ready, whatever the test before did to them."""
    stage, _ = seeded
    if not stage.pid:
        stage.start_localstack()
    if stage.companion is None:
        stage.start_companion()
    stage.wait_for_state("ready")
    return stage
