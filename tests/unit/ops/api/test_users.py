"""What `user-create` and its like ask the API for, and what they refuse."""

import pytest

from ops.api import users
from ops.errors import OperatorError


def test_a_user_is_a_scorer_unless_said_otherwise() -> None:
    assert users.new_user(["ada"]) == {"name": "ada", "role": "scorer"}
    assert users.new_user(["ada@example.com", "--role", "admin"]) == {"name": "ada@example.com", "role": "admin"}


def test_only_what_was_named_is_to_change() -> None:
    assert users.changes(["ada", "role=viewer"]) == ("ada", {"role": "viewer"})
    assert users.changes(["ada", "--disable", "--new-password"]) == ("ada", {"disabled": True, "new_password": True})
    assert users.changes(["ada", "--enable"]) == ("ada", {"disabled": False})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "are required: <name>"),
        (["ada"], "nothing is to change"),
        (["ada", "--disable", "--enable"], "exclude each other"),
        (["ada", "role=god"], "'god' is none of viewer, scorer, admin"),
        (["ada", "--delete"], "unrecognized arguments: --delete"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        users.changes(arguments)
