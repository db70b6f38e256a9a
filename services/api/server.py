"""The server of one instance: uvicorn on uvloop, with this service's protocol."""

import asyncio
import socket

import uvicorn

from services.api.app import Service, create_app
from services.api.settings import Settings
from services.api.transport.closing import IDLE_SECONDS
from services.api.transport.protocol import Protocol

_GRACE_SECONDS = 8  # requests under way are completed when Nomad stops the instance


class _Server(uvicorn.Server):
    """A server that drains before it stops: for `drain` seconds it is not ready, but still answers.

    Load balancers then send new requests elsewhere, so that none is under way when it closes.
    """

    def __init__(self, config: uvicorn.Config, app: Service, drain: float) -> None:
        super().__init__(config)
        self._app, self._drain = app, drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.leaving = True
        end = asyncio.get_running_loop().time() + self._drain
        while not self.force_exit and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)


def server(settings: Settings, host: str, port: int) -> uvicorn.Server:
    """Make a server, not yet running, with one worker: an instance's port and memory are sized for it; Nomad adds instances."""
    app = create_app(settings)
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=Protocol,
            loop="uvloop",
            ws="none",
            lifespan="on",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        ),
        app,
        settings.drain_seconds,
    )
