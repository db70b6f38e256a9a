"""The service as it is served, on a thread of the tests' process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from services.api.server import server
from services.api.settings import Settings
from tests.servers.processes import free_port
from tests.waiting import until


@contextmanager
def live(made: Settings) -> Iterator[str]:
    """The service as it is served, on a thread of this process; gives its address."""
    port = free_port()
    served = server(made, "127.0.0.1", port)
    thread = threading.Thread(target=served.run)
    thread.start()
    until(lambda: served.started or not thread.is_alive())
    assert thread.is_alive(), "the server did not start"
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        served.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
