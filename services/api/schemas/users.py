"""Schemas of local users and their sessions, as msgspec structs."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from closecast.platform.callers.caller import Kind, Role
from closecast.platform.callers.passwords import LONGEST, SHORTEST
from closecast.platform.callers.users import NAME, State

Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=f"^{NAME.pattern}$",
        description="What the user signs in with: lower-case letters, digits and . _ @ + -",
        examples=["ada@example.com"],
    ),
]
Given = Annotated[str, Meta(max_length=LONGEST, description="The password")]
New = Annotated[str, Meta(min_length=SHORTEST, max_length=LONGEST, description="The new password")]


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Who signs in."""

    name: Annotated[str, Meta(max_length=200, examples=["ada@example.com"])]
    password: Given


class CallerFacts(Struct, frozen=True):
    """A caller as this service knows it."""

    id: str
    name: str
    kind: Annotated[Kind, Meta(description="A key, a person, or a job of the platform")]
    role: Role
    has_password: Annotated[bool, Meta(description="Whether the caller signs in with a password that is kept here")]


class Session(Struct, frozen=True):
    """A new session."""

    token: Annotated[str, Meta(description="Send it as a bearer token. It is shown only here")]
    valid_until: datetime
    caller: CallerFacts


class NewPassword(Struct, frozen=True, forbid_unknown_fields=True):
    """The caller's own password, and the one that replaces it."""

    old: Given
    new: New


class Ended(Struct, frozen=True):
    """How many sessions were ended."""

    sessions: int


class NewUser(Struct, frozen=True, forbid_unknown_fields=True):
    """The user to create."""

    name: Name
    role: Annotated[
        Role, Meta(description="A viewer reads, a scorer also scores, an admin also manages users and keys")
    ] = "scorer"
    password: Annotated[New | UnsetType, Meta(description="Default: one is made up")] = UNSET


class UserChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change; what is left out stays."""

    role: Role | UnsetType = UNSET
    disabled: Annotated[bool | UnsetType, Meta(description="A disabled user cannot sign in, and has no sessions")] = (
        UNSET
    )
    new_password: Annotated[bool, Meta(description="Make up a new password, and end all sessions")] = False


class UserFacts(Struct, frozen=True):
    """A user without the password. The name of who is signed in by the OpenID provider begins with its name and a colon."""

    name: str
    role: Role
    state: State
    created_by: str
    created_at: datetime
    password_changed_at: Annotated[
        datetime | None, Meta(description="Of a user without a password here, whom the OpenID provider signs in: null")
    ]


class ChangedUser(Struct, frozen=True):
    """A user, and the password if one was made up."""

    user: UserFacts
    password: Annotated[str | None, Meta(description="Shown only here. Its user can replace it")]


class Users(Struct, frozen=True):
    """All users, including disabled ones, by name."""

    users: list[UserFacts]
