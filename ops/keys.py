"""`keys`, `key-create`, `key-rotate`, `key-revoke`, `audit`: the API's keys and what was done to them.

All through the API's own admin routes, with the operator's key.
"""

import re
from typing import Any

from rich.console import Console
from rich.table import Table

from closecast.platform.printable import printable
from ops import predict
from ops.cells import cell
from ops.errors import OperatorError
from ops.session import connect

_ROLES = ("viewer", "scorer", "admin")
_CONSOLE = Console(soft_wrap=True)


def keys(arguments: list[str]) -> int:
    """List every key, newest first; secrets are known to nobody but who was given them."""
    if arguments:
        raise OperatorError("keys takes no argument", "write `just keys`")
    table = Table("id", "name", "role", "state", "expires", "last used", "made by", box=None, pad_edge=False)
    for key in predict.client(connect()).call("GET", "/v1/keys")["keys"]:
        table.add_row(*map(cell, (key["id"], key["name"], key["role"], key["state"], _day(key["expires_at"], "never"),
                                  _moment(key["last_used_at"]), key["created_by"])))  # fmt: skip
    _CONSOLE.print(table)
    return 0


def create(arguments: list[str]) -> int:
    """`key-create <name> [role=scorer] [expires=90d]`: prints the new key, this once."""
    body = wanted(arguments)
    _show(predict.client(connect()).call("POST", "/v1/keys", json=body))
    return 0


def rotate(arguments: list[str]) -> int:
    """`key-rotate <id> [grace=1h]`: prints the key's new secret; the old one opens until the grace is over."""
    names, options = _split(arguments)
    if len(names) != 1 or set(options) - {"grace"}:
        raise OperatorError("key-rotate takes the id of one key", "write `just key-rotate <id> [grace=1h]`")
    seconds = _seconds(options.get("grace", "1h"), "grace")
    _show(predict.client(connect()).call("POST", f"/v1/keys/{names[0]}/rotate", json={"grace_seconds": seconds}))
    return 0


def revoke(arguments: list[str]) -> int:
    """`key-revoke <id>`: the key opens nothing any more, within about a second."""
    if len(arguments) != 1 or "=" in arguments[0]:
        raise OperatorError(
            "key-revoke takes the id of one key", "write `just key-revoke <id>`; `just keys` lists them"
        )
    key = predict.client(connect()).call("DELETE", f"/v1/keys/{arguments[0]}")
    print(f"the key {key['id']} of {printable(key['name'])} is revoked")
    return 0


def audit(arguments: list[str]) -> int:
    """`audit [limit=20]`: the newest entries of the audit log, and whether its chain of seals is whole."""
    names, options = _split(arguments)
    limit = options.get("limit", "20")
    if names or set(options) - {"limit"} or not limit.isdecimal() or not 1 <= int(limit) <= 1_000:
        raise OperatorError("audit takes a limit of 1 to 1000", "write `just audit [limit=20]`")
    client = predict.client(connect())
    table = Table("no.", "when (UTC)", "who", "did", "to what", box=None, pad_edge=False)
    for one in client.call("GET", f"/v1/audit?limit={limit}")["entries"]:
        told = (one["seq"], _moment(one["at"]), one["actor"], one["act"], one["subject"])
        table.add_row(*map(cell, told))
    _CONSOLE.print(table)
    verdict = client.call("GET", "/v1/audit/verification")
    if not verdict["intact"]:
        raise OperatorError(f"the audit log was tampered with: {verdict['fault']}", "see docs/doors.md")
    _CONSOLE.print(
        f"\n{verdict['entries']} entries, unbroken from the first to the last; the seal is {verdict['head_sha256']}"
    )
    return 0


def wanted(arguments: list[str]) -> dict[str, Any]:
    """What `key-create` asks the API for. Raises OperatorError naming the argument that cannot be."""
    usage = "write `just key-create <name> [role=viewer|scorer|admin] [expires=90d|never]`"
    names, options = _split(arguments)
    if len(names) != 1 or set(options) - {"role", "expires"}:
        raise OperatorError("key-create takes one name, and a role and an expiry if others than scorer and 90d", usage)
    role, expires = options.get("role", "scorer"), options.get("expires", "90d")
    if role not in _ROLES:
        raise OperatorError(f"there is no role {role!r}", usage)
    if expires != "never" and _seconds(expires, "expires") % 86_400:
        raise OperatorError(f"expires={expires} is no whole number of days", usage)
    days = None if expires == "never" else _seconds(expires, "expires") // 86_400
    return {"name": names[0], "role": role, "expires_in_days": days}


def _split(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    return [one for one in arguments if "=" not in one], dict(one.split("=", 1) for one in arguments if "=" in one)


def _seconds(text: str, name: str) -> int:
    """90d, 12h, 30m or 0s, in seconds."""
    match = re.fullmatch(r"(\d{1,6})([dhms])", text)
    if match is None:
        raise OperatorError(f"{name}={text} is no span of time", f"write {name}=90d, 12h, 30m or 0s")
    return int(match[1]) * {"d": 86_400, "h": 3_600, "m": 60, "s": 1}[match[2]]


def _show(issued: dict[str, Any]) -> None:
    key = issued["key"]
    print(
        f"key {key['id']} of {printable(key['name'])}, role {key['role']}, expires {_day(key['expires_at'], 'never')}"
    )
    print("\nit is shown this once and kept nowhere; send it in X-API-Key:\n")
    print(issued["secret"])


def _day(time: str | None, never: str) -> str:
    return time[:10] if time else never


def _moment(time: str | None) -> str:
    return f"{time[:10]} {time[11:16]}" if time else "never"
