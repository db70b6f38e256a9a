"""The commands `keys`, `key-create`, `key-rotate`, `key-revoke` and `audit`: API keys and the audit log.

They use the API's admin routes with the operator's key.
"""

import argparse
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from closecast.cli.arguments import number
from closecast.cli.cells import cell
from closecast.platform.printable import printable
from ops.api import predict
from ops.cli.arguments import Arguments, nothing, one_of, seconds
from ops.errors import OperatorError
from ops.nomad.session import connect

_CONSOLE = Console(soft_wrap=True)


def keys(arguments: list[str]) -> int:
    """List all keys, newest first. Secrets are not stored, so they are not shown."""
    nothing("keys", keys.__doc__, arguments)
    table = Table("id", "name", "role", "state", "expires", "last used", "made by", box=None, pad_edge=False)
    for key in predict.client(connect()).call("GET", "/v1/keys")["keys"]:
        table.add_row(
            *map(
                cell,
                (
                    key["id"],
                    key["name"],
                    key["role"],
                    key["state"],
                    _day(key["expires_at"], "never"),
                    _moment(key["last_used_at"]),
                    key["created_by"],
                ),
            )
        )
    _CONSOLE.print(table)
    return 0


def create(arguments: list[str]) -> int:
    """Create a key and print it, only this once."""
    body = wanted(arguments)
    _show(predict.client(connect()).call("POST", "/v1/keys", json=body))
    return 0


def rotate(arguments: list[str]) -> int:
    """Give a key a new secret and print it; the old one stays valid for the grace period."""
    given = (
        Arguments("key-rotate", rotate.__doc__)
        .place("id", "the key's, as `just keys` lists it")
        .option("grace", seconds, "as 90d, 12h, 30m or 0s (default: 1h)", default="1h")
        .given(arguments)
    )
    body = {"grace_seconds": given.grace}
    _show(predict.client(connect()).call("POST", f"/v1/keys/{_id(given.id)}/rotate", json=body))
    return 0


def revoke(arguments: list[str]) -> int:
    """Revoke a key, within about a second."""
    given = Arguments("key-revoke", revoke.__doc__).place("id", "the key's, as `just keys` lists it").given(arguments)
    key = predict.client(connect()).call("DELETE", f"/v1/keys/{_id(given.id)}")
    print(f"the key {key['id']} of {printable(key['name'])} is revoked")
    return 0


def audit(arguments: list[str]) -> int:
    """Show the newest entries of the audit log, and whether its chain of seals is intact."""
    limit = (
        Arguments("audit", audit.__doc__)
        .option("limit", number(1, 1_000), "entries (default: 20)", default=20)
        .given(arguments)
        .limit
    )
    client = predict.client(connect())
    table = Table("no.", "when (UTC)", "who", "did", "to what", box=None, pad_edge=False)
    for one in client.call("GET", f"/v1/audit?limit={limit}")["entries"]:
        row = (one["seq"], _moment(one["at"]), one["actor"], one["act"], one["subject"])
        table.add_row(*map(cell, row))
    _CONSOLE.print(table)
    verdict = client.call("GET", "/v1/audit/verification")
    if not verdict["intact"]:
        raise OperatorError(f"the audit log was tampered with: {verdict['fault']}", "see docs/security.md")
    _CONSOLE.print(
        f"\n{verdict['entries']} entries, unbroken from the first to the last; the seal is {verdict['head_sha256']}"
    )
    return 0


def wanted(arguments: list[str]) -> dict[str, Any]:
    """Parse the arguments of `key-create`. Raises OperatorError naming an invalid one."""
    given = (
        Arguments("key-create", create.__doc__)
        .place("name", "the key's owner, for people")
        .option(
            "role", one_of("viewer", "scorer", "admin"), "viewer, scorer or admin (default: scorer)", default="scorer"
        )
        .option("expires", _days, "whole days as 90d, or never (default: 90d)", default="90d")
        .given(arguments)
    )
    return {"name": given.name, "role": given.role, "expires_in_days": given.expires or None}


def _days(text: str) -> int:
    """Parse whole days; 0 for never."""
    if text == "never":
        return 0
    if not (span := seconds(text)) or span % 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of days such as 90d, and not never")
    return span // 86_400


def _id(text: str) -> str:
    return quote(text, safe="")


def _show(issued: dict[str, Any]) -> None:
    key = issued["key"]
    print(
        f"key {key['id']} of {printable(key['name'])}, role {key['role']}, expires {_day(key['expires_at'], 'never')}"
    )
    print("\nit is shown only once and not stored; send it in X-API-Key:\n")
    print(issued["secret"])


def _day(time: str | None, never: str) -> str:
    return time[:10] if time else never


def _moment(time: str | None) -> str:
    return f"{time[:10]} {time[11:16]}" if time else "never"
