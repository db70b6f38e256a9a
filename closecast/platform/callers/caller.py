"""A caller that was recognised, the role it has, and the three ways in which a caller is turned away."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["viewer", "scorer", "admin"]
Kind = Literal["key", "user", "workload"]
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what those before it may
_RANK = {role: rank for rank, role in enumerate(ROLES)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: `id` is stable and unique among all callers, `name` is for people, neither is a secret."""

    id: str
    name: str
    kind: Kind
    role: Role

    def may(self, role: Role) -> bool:
        """Whether this caller has `role` or one above it."""
        return _RANK[self.role] >= _RANK[role]


def highest(roles: list[Role]) -> Role | None:
    """The role that may do most; None of none."""
    return max(roles, key=_RANK.__getitem__, default=None)


class CallerError(Exception):
    """A caller is turned away; the text is for the caller, and holds nothing of what was presented."""


class UnknownCallerError(CallerError):
    """Nobody, or somebody who cannot show who they are (401). `presented` tells whether there was anything to judge."""

    def __init__(self, detail: str, *, presented: bool = True) -> None:
        super().__init__(detail)
        self.presented = presented


class ForbiddenCallerError(CallerError):
    """A known caller who lacks the right (403)."""


class UncheckedCallerError(CallerError):
    """Whether the caller is known cannot be told now, for what it takes is not here yet (503).

    `soon` says that it has been asked for and is worth waiting a moment.
    """

    def __init__(self, detail: str, *, soon: bool = False) -> None:
        super().__init__(detail)
        self.soon = soon
