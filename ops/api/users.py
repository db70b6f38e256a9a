"""The commands `users`, `user-create` and `user-change`: people who sign in with a password.

They use the API's admin routes with the operator's key.
"""

from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from closecast.cli.cells import cell
from closecast.platform.printable import printable
from ops.api import predict
from ops.api.client import Api
from ops.cli.arguments import Arguments, nothing, one_of
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.cluster import Cluster, wait
from ops.nomad.session import connect
from ops.setup.credentials import Credentials

FIRST = "closecast"  # the user that `up` makes
_SECONDS = 60.0
_CONSOLE = Console(soft_wrap=True)
_ROLE = one_of("viewer", "scorer", "admin")


def users(arguments: list[str]) -> int:
    """List all users, by name."""
    nothing("users", users.__doc__, arguments)
    table = Table("name", "role", "state", "made by", "made", "password of", box=None, pad_edge=False)
    for one in predict.client(connect()).call("GET", "/v1/users")["users"]:
        row = (one["name"], one["role"], one["state"], one["created_by"], one["created_at"][:10])
        changed = one["password_changed_at"]
        table.add_row(*map(cell, (*row, "with the provider" if changed is None else changed[:10])))
    _CONSOLE.print(table)
    return 0


def create(arguments: list[str]) -> int:
    """Create a user and print the password, only this once."""
    body = new_user(arguments)
    _show(predict.client(connect()).call("POST", "/v1/users", json=body))
    return 0


def change(arguments: list[str]) -> int:
    """Change a user's role, disable or enable it, or print a new password; its sessions know within a second."""
    name, body = changes(arguments)
    _show(predict.client(connect()).call("PATCH", f"/v1/users/{quote(name, safe='')}", json=body))
    return 0


def ensure_first(cluster: Cluster, credentials: Credentials) -> None:
    """Create the first user, an admin with a password of its own, unless there is a user.

    Raises OperatorError when the API cannot reach its database in time.
    """
    api = Api(jobs.address(cluster, "api"), credentials.api_key)
    first = {"name": FIRST, "role": "admin", "password": credentials.ui_password}
    problems: list[OperatorError] = []

    def is_there() -> bool:
        try:
            if not api.call("GET", "/v1/users")["users"]:
                api.call("POST", "/v1/users", json=first)
        except OperatorError as error:
            problems.append(error)
            return False
        return True

    try:
        wait(is_there, _SECONDS, "the API's answer about its users")
    except OperatorError as error:
        raise (problems[-1] if problems else error) from error


def new_user(arguments: list[str]) -> dict[str, Any]:
    """Parse the arguments of `user-create`. Raises OperatorError naming an invalid one."""
    given = (
        Arguments("user-create", create.__doc__)
        .place("name", "what the user signs in with: lower-case letters, digits and . _ @ + -")
        .option("role", _ROLE, "viewer, scorer or admin (default: scorer)", default="scorer")
        .given(arguments)
    )
    return {"name": given.name, "role": given.role}


def changes(arguments: list[str]) -> tuple[str, dict[str, Any]]:
    """Parse the arguments of `user-change`. Raises OperatorError naming an invalid one, or when nothing is asked for."""
    given = (
        Arguments("user-change", change.__doc__)
        .place("name", "the user's, as `just users` lists it")
        .option("role", _ROLE, "viewer, scorer or admin")
        .flag("disable", "end the user's sessions, and let nobody sign in as this user")
        .flag("enable", "let the user sign in again")
        .flag("new-password", "end the user's sessions, and print a new password")
        .given(arguments)
    )
    if given.disable and given.enable:
        raise OperatorError("--disable and --enable exclude each other", "give one of them")
    body: dict[str, Any] = {} if given.role is None else {"role": given.role}
    if given.disable or given.enable:
        body["disabled"] = given.disable
    if given.new_password:
        body["new_password"] = True
    if not body:
        raise OperatorError("nothing is to change", "give --role, --disable, --enable or --new-password")
    return given.name, body


def _show(answer: dict[str, Any]) -> None:
    user = answer["user"]
    print(f"user {printable(user['name'])}, role {user['role']}, {user['state']}")
    if answer["password"] is not None:
        print("\nthe password is shown only once and not stored; its user can replace it:\n")
        print(answer["password"])
