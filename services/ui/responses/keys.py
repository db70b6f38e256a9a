"""API keys, and the audit log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Key:
    """A key without its secret: `state` is active, expired or revoked."""

    id: str
    name: str
    role: str
    state: str
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Key":
        return cls(
            id=str(content["id"]),
            name=str(content["name"]),
            role=str(content["role"]),
            state=str(content["state"]),
            created_by=str(content["created_by"]),
            expires_at=_moment(content["expires_at"]),
            last_used_at=_moment(content["last_used_at"]),
        )


@dataclass(frozen=True)
class IssuedKey:
    """A new key with its secret."""

    key: Key
    secret: str

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "IssuedKey":
        return cls(Key.of_json(content["key"]), str(content["secret"]))


@dataclass(frozen=True)
class Act:
    """An entry of the audit log."""

    seq: int
    at: datetime
    actor: str
    act: str
    subject: str

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Act":
        at = datetime.fromisoformat(content["at"])
        return cls(int(content["seq"]), at, *(str(content[name]) for name in ("actor", "act", "subject")))


@dataclass(frozen=True)
class Verified:
    """Whether the audit log's chain of seals holds; `fault` says where it does not."""

    entries: int
    fault: str | None

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Verified":
        return cls(int(content["entries"]), content["fault"])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
