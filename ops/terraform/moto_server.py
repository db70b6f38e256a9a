"""moto's server, one request at a time: asked by several threads, it loses rules of security groups.

Run as `python -m ops.terraform.moto_server <port>`.
"""

import sys

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple


def main() -> None:
    app = DomainDispatcherApplication(create_backend_app)
    run_simple("127.0.0.1", int(sys.argv[1]), app, request_handler=MotoRequestHandler, threaded=False)


if __name__ == "__main__":
    main()
