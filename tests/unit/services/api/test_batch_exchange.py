"""The answer to a batch on its way out."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from services.api.batch_exchange import deliver
from services.api.batch_wire import Parcel


@pytest.mark.anyio
async def test_others_get_a_turn_after_each_piece_and_the_memory_comes_back() -> None:
    parcel, content = Parcel.empty(), b"an answer " * 50_000
    parcel.add(content)
    happened: list[Any] = []

    async def send(message: Any) -> None:  # takes whatever comes, without ever waiting
        happened.append(message)

    async def others() -> None:
        while True:
            happened.append("a single prediction")
            await asyncio.sleep(0)

    meanwhile = asyncio.create_task(others())
    await deliver(parcel, send, happened.append)  # type: ignore[arg-type]
    meanwhile.cancel()
    pieces = [at for at, one in enumerate(happened) if isinstance(one, dict)]
    assert b"".join(happened[at]["body"] for at in pieces) == content
    assert [happened[at]["more_body"] for at in pieces] == [True] * (len(pieces) - 1) + [False]
    assert len(pieces) > 2
    assert all("a single prediction" in happened[a:b] for a, b in pairwise(pieces))
    assert happened[-1] is parcel
