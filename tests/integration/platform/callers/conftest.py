"""An issuer of tokens with real keys behind a real HTTP server, and the part that knows its tokens."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from closecast.platform.callers.caller import Caller, UncheckedCallerError
from closecast.platform.callers.tokens import Tokens
from tests.issuer import TokenIssuer, issuing
from tests.waiting import until


@pytest.fixture(scope="module")
def shared() -> Iterator[TokenIssuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def issuer(shared: TokenIssuer) -> TokenIssuer:
    """With its first key alone, and at hand."""
    shared.keys = {"first": shared.keys["first"]}
    shared.away = False
    return shared


@pytest.fixture
def tokens(issuer: TokenIssuer) -> Iterator[Tokens]:
    made = started(issuer)
    settled(lambda: made.find(issuer.token()))
    yield made
    made.stop()


def started(issuer: TokenIssuer, file: Path | None = None, **options: Any) -> Tokens:
    made = Tokens([issuer.configured()], file, **{"retry_seconds": 0.2, **options})
    made.start()
    return made


def settled(find: Callable[[], Caller]) -> Caller:
    """The caller, once the issuer's keys that are on their way have come."""
    found: list[Caller] = []

    def is_there() -> bool:
        with suppress(UncheckedCallerError):
            found.append(find())
        return bool(found)

    until(is_there)
    return found[0]
