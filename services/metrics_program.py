"""What the services that become Prometheus and Alertmanager share: their settings, their files, and who may ask them."""

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn

import bcrypt

USER = "closecast"


def settings(service: str, needed: Collection[str]) -> dict[str, str]:
    """The environment; exits naming the first variable of `needed` that is not set."""
    environment = dict(os.environ)
    if missing := [name for name in needed if not environment.get(name)]:
        sys.exit(f"{service}: the environment variable {missing[0]} is not set")
    return environment


def web_configuration(password: str) -> dict[str, Any]:
    """Who may ask: the user, by a bcrypt hash. The password is random, and too long to be guessed."""
    return {"basic_auth_users": {USER: bcrypt.hashpw(password.encode(), bcrypt.gensalt(6)).decode()}}


def become(
    command: list[str],
    files: Mapping[Path, bytes],
    environment: Mapping[str, str],
    secret: Collection[str],
    memory: str,
) -> NoReturn:
    """Write `files`, readable by this account only, and replace this process by `command`.

    It gets the environment without the variables in `secret`, and `memory` as the limit that Go's collector aims at.
    """
    for file, content in files.items():
        file.touch(mode=0o600)
        file.write_bytes(content)
    kept = {name: value for name, value in environment.items() if name not in secret}
    os.execve(command[0], command, {**kept, "GOMEMLIMIT": memory})
