"""Starts the pinned LocalStack with all of its state in one folder: run by its own environment's Python.

Environment: CLOSECAST_HOST, CLOSECAST_PORT (where it listens) and CLOSECAST_LOCALSTACK_STATE (its folder).
"""

import os
import sys
from pathlib import Path

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
        "SKIP_INFRA_DOWNLOADS": "1",
        "DNS_ADDRESS": "0",
    }


def main() -> None:
    try:
        host, port = os.environ["CLOSECAST_HOST"], os.environ["CLOSECAST_PORT"]
        folder = Path(os.environ["CLOSECAST_LOCALSTACK_STATE"])
    except KeyError as missing:
        sys.exit(f"localstack: the environment variable {missing.args[0]} is not set")
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

    from localstack.runtime.main import main as run

    run()


if __name__ == "__main__":
    main()
