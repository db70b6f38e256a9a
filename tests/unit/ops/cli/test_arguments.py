"""The arguments of the commands: one style, the older one too, and a message that says what would have been right."""

from datetime import date

import pytest

from ops.api import replay
from ops.cli import commands
from ops.cli.arguments import Arguments
from ops.errors import OperatorError
from ops.prefect import commands as prefect_commands


def _data() -> Arguments:
    return Arguments("train", "Train a model.").data()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--source", "synthetic:50", "--as-of", "2017-12-31", "--fiscal-year-start", "4"],
        ["--source=synthetic:50", "--as-of=2017-12-31", "--fiscal-year-start=4"],
        ["source=synthetic:50", "as_of=2017-12-31", "fiscal_year_start=4"],
        ["fiscal-year-start=4", "--as-of", "2017-12-31", "source=synthetic:50"],
    ],
)
def test_an_option_is_understood_in_either_style(arguments: list[str]) -> None:
    given = _data().given(arguments)
    assert (given.source, given.as_of, given.fiscal_year_start) == ("synthetic:50", date(2017, 12, 31), 4)


def test_a_value_may_hold_what_it_likes() -> None:
    assert _data().given(["source=file:a=b.csv"]).source == "file:a=b.csv"
    assert _data().given(["--source", "as_of=2017"]).source == "as_of=2017"
    assert set(vars(_data().given([])).values()) == {None}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["as_of=31.12.2017"], "'31.12.2017' is no date written YYYY-MM-DD"),
        (["--as-of", "2017-02-30"], "'2017-02-30' is no date"),
        (["--as-of"], "expected one argument"),
        (["sauce=1"], "unrecognized arguments: sauce=1"),
        (["--sour", "synthetic"], "unrecognized arguments: --sour synthetic"),
        *((["--fiscal-year-start", text], "is no whole number from 1 to 12") for text in ("0", "13", "April", "٤", "")),
    ],
)
def test_what_cannot_be_is_refused_with_the_usage(arguments: list[str], words: str) -> None:
    with pytest.raises(OperatorError) as caught:
        _data().given(arguments)
    assert words in caught.value.problem
    assert "write `just train [--source <source>] [--mapping <file>] [--timezone <zone>]" in str(caught.value)


@pytest.mark.parametrize("name", sorted(set(commands.COMMANDS) - {"nomad", "nomad-fmt", "caddy-fmt"}))
def test_every_command_explains_itself_with_nothing_running(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.COMMANDS[name](["--help"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert printed.startswith(f"usage: just {name} ")
    assert len(printed.split("\n\n")[1].split()) > 3  # what it does


@pytest.mark.parametrize("name", sorted(set(commands.COMMANDS) - {"nomad", "nomad-fmt", "caddy-fmt"}))
def test_every_command_refuses_what_it_does_not_take(name: str) -> None:
    with pytest.raises(OperatorError):
        commands.COMMANDS[name](["a", "b", "c", "--nonsense"])


def test_a_flows_parameters_are_taken_in_either_style_and_once() -> None:
    wanted = Arguments("prefect-run", "Run.").place("deployment", "which", "?")
    texts = {"as_of": "null", "cuts": "a,b", "at_once": "3"}
    given = ["--as-of", "null", "score/closecast", "cuts=a,b", "--at-once=3"]
    assert prefect_commands.parsed(wanted, given) == ("score/closecast", texts)
    assert prefect_commands.parsed(wanted, []) == ("train/closecast", {})
    for wrong, words in ((["--source"], "lacks its value"), (["as_of=1", "--as-of", "2"], "is there twice")):
        with pytest.raises(OperatorError, match=words):
            prefect_commands.parsed(wanted, wrong)


@pytest.mark.parametrize("arguments", [["x"], ["0195a000-0000-7000-8000-000000000000", "row=x"], ["--row", "1"]])
def test_replay_wants_the_id_of_a_prediction(arguments: list[str]) -> None:
    with pytest.raises(OperatorError, match="id"):
        replay.replay(arguments)
