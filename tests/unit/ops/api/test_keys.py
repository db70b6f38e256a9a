"""What `key-create` and its like ask the API for, and what they refuse."""

import pytest
from rich.console import Console

from closecast.cli.cells import cell
from ops.api import keys
from ops.errors import OperatorError


def test_a_key_is_a_scorers_for_ninety_days_unless_said_otherwise() -> None:
    assert keys.wanted(["dashboard"]) == {"name": "dashboard", "role": "scorer", "expires_in_days": 90}
    assert keys.wanted(["ops desk", "role=admin", "expires=48h"])["expires_in_days"] == 2
    assert keys.wanted(["ops desk", "expires=never"])["expires_in_days"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "are required: <name>"),
        (["a", "b"], "unrecognized arguments: b"),
        (["a", "colour=red"], "unrecognized arguments: colour=red"),
        (["a", "role=god"], "'god' is none of viewer, scorer, admin"),
        (["a", "expires=soon"], "'soon' is no span of time"),
        (["a", "expires=30m"], "not a whole number of days"),
        (["a", "expires=0d"], "not a whole number of days"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        keys.wanted(arguments)


@pytest.mark.parametrize("arguments", [["now"], ["limit=0"], ["limit=1001"], ["limit=-1"], ["before=3"]])
def test_the_audit_log_is_asked_for_with_a_limit_or_nothing(arguments: list[str]) -> None:
    with pytest.raises(OperatorError, match=r"from 1 to 1000|unrecognized"):
        keys.audit(arguments)


def test_an_id_is_needed_and_no_more() -> None:
    for command in (keys.rotate, keys.revoke):
        with pytest.raises(OperatorError, match="are required: <id>"):
            command([])
    with pytest.raises(OperatorError, match="'long' is no span"):
        keys.rotate(["abc", "grace=long"])


def test_what_others_wrote_is_shown_as_it_is() -> None:
    console = Console(width=200)
    with console.capture() as printed:
        console.print(cell("[red]a[/red]\x1b[2J\x9b\u202eb"))
    assert printed.get() == "[red]a[/red]\\x1b[2J\\x9b\\u202eb\n"
