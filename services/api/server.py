"""The server of one instance: uvicorn on uvloop, with this service's protocol."""

import uvicorn

from services.api.app import create_app
from services.api.logs import relay
from services.api.protocol import IDLE_SECONDS, Protocol
from services.api.settings import Settings

_GRACE_SECONDS = 8  # a request that is being answered when Nomad stops the instance is answered to its end


def server(settings: Settings, host: str, port: int) -> uvicorn.Server:
    """Still to be run: one worker, which an instance's port and memory are sized for; Nomad adds instances."""
    relay("uvicorn.error")
    return uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
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
        )
    )
