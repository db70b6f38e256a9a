"""The upper bound: an ASGI app that only echoes the body."""

from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
_JSON = (b"content-type", b"application/json")


async def echo(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] == "lifespan":
        for expected in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{expected}.complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
