"""Authenticated callers, their roles, and the errors for callers that are refused."""

from dataclasses import dataclass
from typing import Literal, LiteralString, get_args

Role = Literal["viewer", "scorer", "admin"]
Kind = Literal["key", "user", "workload"]
ROLES: tuple[Role, ...] = get_args(Role)  # ascending: each includes the rights of those before it
# They begin the ids of keys and of local users: no token's subject can pass for one.
KEY: LiteralString = "key:"
USER: LiteralString = "user:"
_RANK = {role: rank for rank, role in enumerate(ROLES)}


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller: `id` is stable and unique, `name` is for people; neither is a secret."""

    id: str
    name: str
    kind: Kind
    role: Role

    @property
    def actor(self) -> str:
        """How the audit log names the caller: a local user by name, which nobody else can have."""
        return f"{USER}{self.name}" if self.id.startswith(USER) else self.id

    def has_role(self, role: Role) -> bool:
        """Whether this caller has `role` or one above it."""
        return _RANK[self.role] >= _RANK[role]


def highest(roles: list[Role]) -> Role | None:
    """The highest of `roles`, None if there is none."""
    return max(roles, key=_RANK.__getitem__, default=None)


class CallerError(Exception):
    """A caller is refused; the message is for the caller and quotes nothing that was presented."""


class UnknownCallerError(CallerError):
    """The caller is not authenticated (401). `presented` says whether there were credentials."""

    def __init__(self, detail: str, *, presented: bool = True) -> None:
        super().__init__(detail)
        self.presented = presented


class ForbiddenCallerError(CallerError):
    """The caller is authenticated but lacks the role (403)."""


class UncheckedCallerError(CallerError):
    """The credentials cannot be checked now, because the keys are not available yet (503).

    `soon` means that they have been requested and a short wait is worthwhile.
    """

    def __init__(self, detail: str, *, soon: bool = False) -> None:
        super().__init__(detail)
        self.soon = soon
