"""Schemas of the administrative routes, keys and audit log, as msgspec structs."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from closecast.platform.callers.caller import Role
from closecast.platform.callers.keys import State

_MONTH = 30 * 86_400


class NewKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The key to create."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            description="The key's owner, for people: printable characters",
            examples=["sales dashboard"],
        ),
    ]
    role: Annotated[Role, Meta(description="A viewer reads, a scorer also scores, an admin also manages keys")] = (
        "scorer"
    )
    expires_in_days: Annotated[
        Annotated[int, Meta(ge=1, le=3650)] | None, Meta(description="null: valid until it is revoked")
    ] = 90


class Rotation(Struct, frozen=True, forbid_unknown_fields=True):
    """The grace period of the replaced secret."""

    grace_seconds: Annotated[
        int, Meta(ge=0, le=_MONTH, description="How long the old secret stays valid; 0 ends it at once")
    ] = 3600


class KeyFacts(Struct, frozen=True):
    """A key without its secret."""

    id: str
    name: str
    role: Role
    state: State
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: Annotated[datetime | None, Meta(description="Written every ten seconds or so")]


class IssuedKey(Struct, frozen=True):
    """A key with its secret, which is shown only once and not stored."""

    key: KeyFacts
    secret: Annotated[str, Meta(description="Send it in X-API-Key, or as a bearer token")]


class Keys(Struct, frozen=True):
    """All keys, including ended ones, newest first."""

    keys: list[KeyFacts]


class AuditEntry(Struct, frozen=True):
    """An act: actor, action and subject, sealed together with the entry before it."""

    seq: int
    at: datetime
    actor: str
    act: str
    subject: str
    details: dict[str, Any]
    request_id: str | None
    sha256: str


class AuditPage(Struct, frozen=True):
    """Entries of the audit log, newest first."""

    entries: list[AuditEntry]
    next_before: Annotated[int | None, Meta(description="`before` of the next page; null after the oldest entry")]


class AuditVerdict(Struct, frozen=True):
    """Whether the chain of seals holds from the first entry to the last."""

    intact: bool
    entries: int
    head_seq: int
    head_sha256: Annotated[str, Meta(description="A copy elsewhere proves later that no entry up to here was changed")]
    fault: Annotated[str | None, Meta(description="Description of the first invalid entry")]
