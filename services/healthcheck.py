"""Whether the service of this container answers: `python -m services.healthcheck [[https:]<path>]`.

Docker runs it in the container. Without a path, a service that accepts connections is healthy. It uses only the
standard library, and ends with 1 when the service is not healthy.
"""

import os
import socket
import ssl
import sys
import urllib.error
import urllib.request

_SECONDS = 3.0


def main(arguments: list[str]) -> int:
    port = os.environ.get("CLOSECAST_PORT", "")
    if not port.isdecimal():
        print(f"CLOSECAST_PORT is {port!r}; expected a number", file=sys.stderr)
        return 1
    scheme, _, path = arguments[0].rpartition(":") if arguments else ("", "", "")
    try:
        if not path:
            socket.create_connection(("127.0.0.1", int(port)), _SECONDS).close()
            return 0
        # The certificate is of the gateway's public name; this asks whether it answers, not who it is.
        unverified = ssl._create_unverified_context()  # nosec B323
        url = f"{scheme or 'http'}://127.0.0.1:{port}{path}"
        with urllib.request.urlopen(url, timeout=_SECONDS, context=unverified):  # nosec B310
            return 0
    except (OSError, urllib.error.URLError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
