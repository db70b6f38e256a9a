"""A PostgreSQL that somebody else runs: its administrator is no superuser, and it may be away."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.servers.processes import free_port
from tests.waiting import until

pytestmark = pytest.mark.integration
PASSWORD = secrets.token_hex(16)


@pytest.fixture
def server(postgres_url: str) -> Iterator[str]:
    """host:port of a server with the administrator `aws_admin`, and without roles of a test."""
    parts = urlsplit(postgres_url)
    where = f"{parts.hostname}:{parts.port}"
    with psycopg.connect(f"postgresql://postgres:{parts.password}@{where}/postgres", autocommit=True) as superuser:
        superuser.execute(f"CREATE ROLE aws_admin LOGIN CREATEROLE CREATEDB PASSWORD '{PASSWORD}'")
        yield where
        for database in ("managed", "elsewhere"):
            superuser.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        for role in ("managed", "elsewhere", "aws_admin"):
            superuser.execute(f"DROP ROLE IF EXISTS {role}")


def _start(server: str, port: int, password: str = PASSWORD, **passwords: str) -> "subprocess.Popen[str]":
    host, _, number = server.partition(":")
    environment = {
        **os.environ,
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": str(port),
        "CLOSECAST_DATABASE_HOST": host,
        "CLOSECAST_DATABASE_PORT": number,
        "CLOSECAST_DATABASE_ADMINISTRATOR": "aws_admin",
        "POSTGRES_SUPERUSER_PASSWORD": password,
        **{f"POSTGRES_{role.upper()}_PASSWORD": one for role, one in passwords.items()},
    }
    return subprocess.Popen(
        [sys.executable, "-m", "services.postgres"], env=environment, stderr=subprocess.PIPE, text=True
    )


def _accepts(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def _opens(server: str, role: str, password: str) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(f"postgresql://{role}:{password}@{server}/{role}").close()
        return True
    return False


def test_roles_and_databases_are_made_and_a_new_password_is_set_at_the_next_start(server: str) -> None:
    port = free_port()
    for password in ("first", "second"):
        # when
        process = _start(server, port, managed=password, elsewhere="third")
        until(lambda: _accepts(port))
        # then
        assert _opens(server, "managed", password)
        assert _opens(server, "elsewhere", "third")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert not _opens(server, "managed", "first")
    # then neither may enter the other's database
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(f"postgresql://managed:second@{server}/elsewhere")


def test_while_the_server_is_away_the_check_of_the_service_fails(server: str) -> None:
    # given a way to the server that can be closed
    port, relay = free_port(), free_port()
    command = [sys.executable, "-c", _RELAY, str(relay), *server.split(":")]
    way = subprocess.Popen(command)
    until(lambda: _accepts(relay))
    process = _start(f"127.0.0.1:{relay}", port, managed="first")
    until(lambda: _accepts(port))
    # when / then
    way.kill()
    way.wait()
    until(lambda: not _accepts(port), 20)
    # when / then
    way = subprocess.Popen(command)
    until(lambda: _accepts(port), 20)
    for one in (process, way):
        one.terminate()
    assert process.wait(20) == 0
    way.wait()


def test_a_wrong_password_ends_it_with_the_reason(server: str) -> None:
    process = _start(server, free_port(), password="wrong", managed="first")
    assert process.wait(30) == 1
    assert process.stderr is not None
    last = process.stderr.read().splitlines()[-1]
    assert last.startswith("postgres: 127.0.0.1 does not let its roles be made: ")
    assert 'password authentication failed for user "aws_admin"' in last


_RELAY = """
import socket, sys, threading
own, host, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def pump(one, other):
    while data := one.recv(65536):
        other.sendall(data)
    other.close()
with socket.create_server(("127.0.0.1", own)) as listener:
    while True:
        here, there = listener.accept()[0], socket.create_connection((host, port))
        for pair in ((here, there), (there, here)):
            threading.Thread(target=pump, args=pair, daemon=True).start()
"""
