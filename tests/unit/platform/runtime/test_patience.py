"""What is asked again, and what is not."""

import pytest

from closecast.platform.runtime.retry import AwayError, retry


class WrongError(AwayError):
    """An outage by its kind, and none that ends by itself."""


def test_what_is_away_is_asked_again_and_what_is_wrong_once() -> None:
    # given
    asked: list[int] = []
    told: list[str] = []

    def ask(error: AwayError, times: int) -> int:
        asked.append(1)
        if len(asked) <= times:
            raise error
        return len(asked)

    # when / then
    assert retry(lambda: ask(AwayError("gone"), 1), 30, told.append, lasting=(WrongError,)) == 2
    assert told == ["asked again for up to 30 s: gone"]
    asked.clear()
    with pytest.raises(WrongError, match="no such user"):
        retry(lambda: ask(WrongError("no such user"), 1), 30, told.append, lasting=(WrongError,))
    assert (len(asked), len(told)) == (1, 1)
