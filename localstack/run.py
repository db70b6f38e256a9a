"""Starts the pinned LocalStack with all of its state in one folder, behind a door of ours: run by its own environment's Python.

Environment: CLOSECAST_HOST, CLOSECAST_PORT (where it listens, on loopback), CLOSECAST_LOCALSTACK_STATE (its folder), the key that
opens all of it, CLOSECAST_OBJECT_STORE_ACCESS_KEY and CLOSECAST_OBJECT_STORE_SECRET_KEY, and those that open what `rights.py` says,
CLOSECAST_OBJECT_STORE_JOB_KEYS (job:access:secret, with commas between), in CLOSECAST_LAKE_BUCKET and CLOSECAST_ARTIFACTS_BUCKET.
"""

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

SERVICES = "s3,secretsmanager,sts,iam,kms,ssm"


def settings(host: str, port: str, folder: Path) -> dict[str, str]:
    """LocalStack's own settings; nothing may be asked of the network, and nothing may be written outside `folder`."""
    return {
        "GATEWAY_LISTEN": f"{host}:{port}",
        "LOCALSTACK_HOST": f"{host}:{port}",
        "FILESYSTEM_ROOT": str(folder / "filesystem"),
        "LOCALSTACK_VOLUME_DIR": str(folder / "volume"),
        "TMPDIR": str(folder / "tmp"),
        "SERVICES": SERVICES,
        "STRICT_SERVICE_LOADING": "1",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        # It makes a certificate at each start, which nobody asks for: not below /var/lib, where it may not write.
        "CUSTOM_SSL_CERT_PATH": str(folder / "tmp" / "server.pem"),
        "SKIP_INFRA_DOWNLOADS": "1",
        "DNS_ADDRESS": "0",
        # Its services ask each other without the network, where only our keys' signatures are taken.
        "IN_MEMORY_CLIENT": "1",
    }


def serve_behind_door(secret_keys: dict[str, str], jobs: dict[str, Any]) -> None:
    """Have LocalStack's server listen on the host it is given, for plain HTTP alone, and our door answer first.

    Its own server asks Twisted for the port on every interface, whatever GATEWAY_LISTEN says, and would take WebSockets and
    TLS as well.
    """
    from door import Door
    from guard import limited
    from localstack.runtime.server import twisted
    from rolo.gateway.wsgi import WsgiGateway
    from rolo.serving.twisted import (
        HeaderPreservingHTTPChannel,
        HeaderPreservingWSGIResource,
        TwistedRequestAdapter,
    )
    from twisted.internet import reactor
    from twisted.web.server import Site

    def register(_server: Any, gateway: Any, listen: list[Any], _ssl: Any = None) -> None:
        door = Door(WsgiGateway(gateway), WsgiGateway(limited(gateway)), secret_keys, jobs)
        site = Site(HeaderPreservingWSGIResource(reactor, reactor.getThreadPool(), door), TwistedRequestAdapter)
        site.protocol = HeaderPreservingHTTPChannel.protocol_factory
        for place in listen:
            reactor.listenTCP(place.port, site, interface=place.host)

    twisted.TwistedRuntimeServer.register = register


def main() -> None:
    try:
        host, port = os.environ["CLOSECAST_HOST"], os.environ["CLOSECAST_PORT"]
        folder = Path(os.environ["CLOSECAST_LOCALSTACK_STATE"])
        buckets = os.environ["CLOSECAST_LAKE_BUCKET"], os.environ["CLOSECAST_ARTIFACTS_BUCKET"]
        # Taken out, for LocalStack's own clients and pages have no use for them.
        access_key, secret_key, job_keys = (
            os.environ.pop(f"CLOSECAST_OBJECT_STORE_{name}") for name in ("ACCESS_KEY", "SECRET_KEY", "JOB_KEYS")
        )
    except KeyError as missing:
        sys.exit(f"localstack: the environment variable {missing.args[0]} is not set")
    if not access_key or not secret_key:
        sys.exit("localstack: the key that is to open all of it (CLOSECAST_OBJECT_STORE_…_KEY) is empty")
    # Python may have been told not to look for modules beside the script (PYTHONSAFEPATH).
    sys.path.append(str(Path(__file__).resolve().parent))
    from rights import of_jobs, of_keys

    try:
        secret_keys, jobs = of_keys(job_keys, of_jobs(*buckets))
    except ValueError as error:
        sys.exit(f"localstack: CLOSECAST_OBJECT_STORE_JOB_KEYS: {error}")
    secret_keys[access_key] = secret_key
    if not _is_loopback(host):
        sys.exit(f"localstack: CLOSECAST_HOST is {host}, expected a loopback address such as 127.0.0.1")
    for name in ("filesystem", "volume", "tmp", "objects"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    os.environ.update(settings(host, port, folder))
    # A bundle meant for the real AWS makes the clients that LocalStack uses inside itself fail.
    os.environ.pop("AWS_CA_BUNDLE", None)

    from localstack.services.s3 import provider

    # No setting moves this folder, which all LocalStacks of a machine would share: one left by root would lock out an
    # ordinary user's, and two with a bucket of one name would see each other's objects.
    provider.DEFAULT_S3_TMP_DIR = str(folder / "objects")

    serve_behind_door(secret_keys, jobs)

    from localstack.runtime.main import main as run

    run()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    main()
