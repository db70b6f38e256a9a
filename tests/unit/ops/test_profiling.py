"""`just profile` names what can be profiled, and the process of a job."""

from pathlib import Path

import pytest

from ops import profiling
from ops.errors import OperatorError


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required"),
        (["nothing"], "'nothing' is neither a job nor a command of the library"),
        (["api", "--seconds", "0"], "is no whole number from 1 to 3600"),
    ],
)
def test_what_cannot_be_profiled_is_told(arguments: list[str], words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        profiling.profile(arguments)


@pytest.mark.usefixtures("state")
def test_without_a_platform_a_service_cannot_be_profiled() -> None:
    with pytest.raises(OperatorError) as caught:
        profiling.profile(["api"])
    assert caught.value.remedy == "run `just up` first"


def test_a_job_without_a_process_of_python_is_told() -> None:
    with pytest.raises(OperatorError, match="no process of Python runs for the job cache that this user may look at"):
        profiling.python_of({"no-such-allocation"}, "cache")


def test_a_command_that_leaves_nothing_to_draw_is_told(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="py-spy recorded nothing"):
        profiling.of_command(["/nowhere/python", "-c", "pass"], tmp_path / "p.svg")
