"""Run the pinned LocalStack behind access control, with all of its state in one folder.

It runs in LocalStack's own Python environment.

Environment: CLOSECAST_HOST, CLOSECAST_PORT (where it listens, on loopback), CLOSECAST_LOCALSTACK_STATE (its folder),
CLOSECAST_OBJECT_STORE_ACCESS_KEY and CLOSECAST_OBJECT_STORE_SECRET_KEY (a key with all rights),
CLOSECAST_OBJECT_STORE_JOB_KEYS (job:access:secret, separated by commas; `rights.py` says what each may do),
CLOSECAST_LAKE_BUCKET and CLOSECAST_ARTIFACTS_BUCKET.
"""

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

SERVICES = "s3,secretsmanager,sts,iam,kms,ssm,sns,sqs"


def settings(host: str, port: str, folder: Path) -> dict[str, str]:
    """LocalStack's own settings: no requests to the network, and no writes outside `folder`."""
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
        # It makes a certificate at each start, which nothing uses: not below /var/lib, where it may not write.
        "CUSTOM_SSL_CERT_PATH": str(folder / "tmp" / "server.pem"),
        "SKIP_INFRA_DOWNLOADS": "1",
        "DNS_ADDRESS": "0",
        # Its services call each other in memory: over the network they would need our keys' signatures.
        "IN_MEMORY_CLIENT": "1",
        # In any container it would look for the folders of its own image, and answer nothing without them.
        "OVERRIDE_IN_DOCKER": "0",
    }


def serve_with_access_control(secret_keys: dict[str, str], jobs: dict[str, Any]) -> None:
    """Make LocalStack listen on the given host only, for plain HTTP only, behind AccessControl.

    By itself it listens on every interface, whatever GATEWAY_LISTEN says, and accepts WebSockets and TLS as well.
    """
    from access_control import AccessControl
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
        guarded = AccessControl(WsgiGateway(gateway), WsgiGateway(limited(gateway)), secret_keys, jobs)
        site = Site(HeaderPreservingWSGIResource(reactor, reactor.getThreadPool(), guarded), TwistedRequestAdapter)
        site.protocol = HeaderPreservingHTTPChannel.protocol_factory
        for place in listen:
            reactor.listenTCP(place.port, site, interface=place.host)

    twisted.TwistedRuntimeServer.register = register


def main() -> None:
    try:
        host, port = os.environ["CLOSECAST_HOST"], os.environ["CLOSECAST_PORT"]
        folder = Path(os.environ["CLOSECAST_LOCALSTACK_STATE"])
        buckets = os.environ["CLOSECAST_LAKE_BUCKET"], os.environ["CLOSECAST_ARTIFACTS_BUCKET"]
        # Removed, because LocalStack's own clients and pages must not see them.
        access_key, secret_key, job_keys = (
            os.environ.pop(f"CLOSECAST_OBJECT_STORE_{name}") for name in ("ACCESS_KEY", "SECRET_KEY", "JOB_KEYS")
        )
    except KeyError as missing:
        sys.exit(f"localstack: the environment variable {missing.args[0]} is not set")
    if not access_key or not secret_key:
        sys.exit(
            "localstack: CLOSECAST_OBJECT_STORE_ACCESS_KEY or CLOSECAST_OBJECT_STORE_SECRET_KEY is empty; expected the key with all rights"
        )
    # With PYTHONSAFEPATH, Python does not look for modules beside the script.
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
    # A CA bundle meant for the real AWS makes LocalStack's internal clients fail.
    os.environ.pop("AWS_CA_BUNDLE", None)

    from localstack.services.s3 import provider

    # No setting moves this folder, which all LocalStacks of a machine would share: one created by root would lock out other
    # users, and two with a bucket of the same name would see each other's objects.
    provider.DEFAULT_S3_TMP_DIR = str(folder / "objects")

    serve_with_access_control(secret_keys, jobs)

    from localstack.runtime.main import main as run

    run()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    main()
