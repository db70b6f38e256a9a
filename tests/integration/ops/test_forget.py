"""The command `forget`: what it takes, when it refuses, and what it prints."""

import pytest

from closecast.platform.forget.run import Line
from ops import forget as command
from ops.errors import OperatorError
from ops.prefect.pipeline import Prefect
from tests.http_double import Double


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "required: <value>"), (["Ann Lee", "--kind", "product"], "'product' is none of id, account, agent")],
)
def test_arguments_that_cannot_be_are_named(arguments: list[str], words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        command.forget(arguments)


def test_nothing_is_forgotten_while_a_flow_holds_names(double: Double) -> None:
    # given
    double.answers["POST /api/flow_runs/filter"] = (200, [{"name": "brave-otter"}])
    double.answers["GET /api/csrf-token"] = (200, {"token": "t"})
    # when / then
    with pytest.raises(OperatorError, match="the flow run brave-otter is under way"):
        command.require_quiet(Prefect(double.address, "nobody:asks"))
    double.answers["POST /api/flow_runs/filter"] = (200, [])
    command.require_quiet(Prefect(double.address, "nobody:asks"))


def test_the_table_has_what_was_found_and_counts_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    command.show([Line("lake: bronze/", 3, 3, 0), Line("lake: gold/", 0, 0, 0), Line("files: mirror", 1, 0, 1)])
    printed = capsys.readouterr().out
    assert [line.split() for line in printed.splitlines()] == [
        ["place", "found", "replaced", "left"],
        ["lake:", "bronze/", "3", "3", "0"],
        ["files:", "mirror", "1", "0", "1"],
        ["1", "other", "places", "were", "searched", "and", "hold", "none"],
    ]
