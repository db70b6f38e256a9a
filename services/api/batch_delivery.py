"""The answer to a batch on its way out: from the memory that its worker wrote it into, in pieces that hold up nobody."""

import asyncio
from collections.abc import Callable
from typing import Any

from litestar import Request, Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from services.api.batch_wire import Parcel


class Delivery(Response[Any]):
    """A response of what is in `parcel`, which goes to `sent` afterwards, unless it could not be sent."""

    def __init__(self, parcel: Parcel, media_type: str, sent: Callable[[Parcel], None]) -> None:
        super().__init__(None, media_type=media_type)
        self._parcel = parcel
        self._sent = sent

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **given: Any) -> ASGIResponse:  # noqa: ARG002 - Litestar names them
        """As Litestar asks for it; the media type is this response's."""
        return _Sending(self._parcel, self._sent, str(self.media_type), given.get("status_code"), given.get("headers"))


class _Sending(ASGIResponse):
    def __init__(
        self,
        parcel: Parcel,
        sent: Callable[[Parcel], None],
        media_type: str,
        status_code: int | None,
        headers: dict[str, str] | None,
    ) -> None:
        super().__init__(content_length=len(parcel), media_type=media_type, status_code=status_code, headers=headers)
        self._parcel = parcel
        self._sent = sent

    async def send_body(self, send: Send, receive: Receive) -> None:  # noqa: ARG002 - likewise
        # Whoever has gone is noticed by the server, which then sends nothing.
        left = len(self._parcel)
        for piece in self._parcel.pieces():
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
            # The server takes pieces without a pause as long as the caller keeps up: single predictions come in between.
            await asyncio.sleep(0)
        self._sent(self._parcel)
