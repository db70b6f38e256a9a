"""Who has signed in, and who may."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True)
class Person:
    """A person, and what the person may do: `role` is viewer, scorer or admin."""

    name: str
    role: str
    has_password: bool  # here, and not with a provider

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "Person":
        return cls(str(content["name"]), str(content["role"]), bool(content["has_password"]))


@dataclass(frozen=True)
class User:
    """Somebody who may sign in, or could: `state` is active or disabled."""

    name: str
    role: str
    state: str
    created_by: str
    created_on: date
    password_of: date | None  # None: a provider signs the user in

    @property
    def signs_in_with(self) -> str:
        """A password, or the provider with whose name this one begins."""
        return "a password" if self.password_of is not None else self.name.partition(":")[0]

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "User":
        changed = content["password_changed_at"]
        return cls(
            name=str(content["name"]),
            role=str(content["role"]),
            state=str(content["state"]),
            created_by=str(content["created_by"]),
            created_on=datetime.fromisoformat(content["created_at"]).date(),
            password_of=None if changed is None else datetime.fromisoformat(changed).date(),
        )


@dataclass(frozen=True)
class ChangedUser:
    """A user after a change, and the password if a new one was made up."""

    user: User
    password: str | None

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> "ChangedUser":
        return cls(User.of_json(content["user"]), content["password"])
