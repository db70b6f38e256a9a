"""Which champions one can go back to."""

from datetime import UTC, datetime, timedelta

import pytest

from closecast.platform.mlflow.champions import PROMOTED, ROLLED_BACK, SEEN, Act, Tenure, former
from closecast.platform.mlflow.identity import Identity

_ACTS: dict[str, Act] = {"+": PROMOTED, "-": ROLLED_BACK, "?": SEEN}


def _history(text: str) -> list[Tenure]:
    """Of "+1 +2 -1": version 1 promoted, then 2, then back to 1."""
    begin = datetime(2018, 1, 1, tzinfo=UTC)
    return [
        Tenure(_model(one[1:]), begin + timedelta(days=at), None, _ACTS[one[0]], "somebody", "")
        for at, one in enumerate(text.split())
    ]


def _model(version: str) -> Identity:
    return Identity(version, f"run-{version}")


@pytest.mark.parametrize(
    ("history", "champion", "expected"),
    [
        ("", "1", []),
        ("", None, []),
        ("+1", "1", []),
        ("+1 +2 +3", "3", ["2", "1"]),
        ("+1 +2 +3 -2", "2", ["1"]),  # going back twice does not return to 3
        ("+1 +2 +3 -2 -1", "1", []),
        ("+1 +2 -1 +3", "3", ["1"]),
        ("+1 +2 -1 -2", "2", ["1"]),  # forward again
        ("?1 ?2 ?1", "1", []),  # back by hand
        ("+1 +2", "9", ["2", "1"]),  # moved by hand, and nobody saw it
        ("+1 +2", None, ["2", "1"]),  # the alias is gone
        ("+1 +2 +3", "2", ["1"]),  # the last promotion was logged, and the alias moved by hand
    ],
)
def test_one_goes_back_through_the_champions_that_nobody_left(
    history: str, champion: str | None, expected: list[str]
) -> None:
    found = former(_history(history), None if champion is None else _model(champion))
    assert [one.version for one in found] == expected
