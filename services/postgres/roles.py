"""Roles and databases of a PostgreSQL server."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

# Roles without a database of their own, and the database that each may connect to. `promoter` only takes a lock there; what
# others may read and write is in closecast/platform/sql/grants.
LOGIN_ONLY_ROLES = dict.fromkeys(("promoter", "monitor", "shadow", "alerts"), "closecast")


def set_password(connection: psycopg.Connection, role: str, password: str) -> None:
    """Let `role` log in with `password`, and with no other."""
    connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), password))


def provision(connection: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    """Create roles and databases that are missing, and set the roles' passwords.

    `connection` is autocommitting, of a role that may create roles and databases. Raises RuntimeError when a role is to
    use a database that no role owns.
    """
    is_superuser = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = CURRENT_USER").fetchone() == (
        True,
    )
    for role, password in passwords.items():
        name = sql.Identifier(role)
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {}").format(name))
        set_password(connection, role, password)
        if role in LOGIN_ONLY_ROLES:
            continue
        if not is_superuser:
            # Only a member may make a database that the role owns.
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [role]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for role in LOGIN_ONLY_ROLES.keys() & passwords.keys():
        host = LOGIN_ONLY_ROLES[role]
        if host not in passwords:
            raise RuntimeError(
                f"the role {role} is to use the database {host}, which has no role of its own: name both"
            )
        grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
        connection.execute(grant.format(sql.Identifier(host), sql.Identifier(role)))
