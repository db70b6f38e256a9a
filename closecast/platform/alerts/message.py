"""A message about one alert or several of one rule, and its text for people."""

import uuid
from datetime import datetime
from typing import Literal

import msgspec

from closecast.platform.alerts.alert import Severity

Kind = Literal["firing", "reminder", "resolved"]
MOST_ALERTS = 20
_WORDS = {"firing": "", "reminder": "still: ", "resolved": "resolved: "}
_SUBJECT = 200  # characters


class Item(msgspec.Struct, frozen=True):
    """One alert of a message."""

    key: str
    summary: str
    description: str
    links: dict[str, str]
    labels: dict[str, str]
    opened_at: datetime
    closed_at: datetime | None = None


class Message(msgspec.Struct, frozen=True):
    """What sinks are sent. `more` is the number of alerts beyond those in `alerts`."""

    id: uuid.UUID
    kind: Kind
    rule: str
    severity: Severity
    runbook: str
    alerts: list[Item]
    more: int = 0

    def as_json(self) -> bytes:
        """The message in JSON, in ASCII."""
        return msgspec.json.encode(self)


def from_json(text: str | bytes) -> Message:
    """The message that `as_json` wrote. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=Message)


def subject(message: Message) -> str:
    """One line for people: severity, state, and what it is about."""
    count = len(message.alerts) + message.more
    what = message.alerts[0].summary if count == 1 else f"{count} alerts of {message.rule}: {message.alerts[0].summary}"
    return f"[{message.severity}] {_WORDS[message.kind]}{what}"[:_SUBJECT]


def paragraphs(message: Message) -> list[str]:
    """The text for people: a paragraph for each alert, and one with what to read."""
    texts = [_paragraph(one) for one in message.alerts]
    if message.more:
        texts.append(f"… and {message.more} more")
    return [*texts, f"Rule {message.rule} ({message.severity}). What to do: {message.runbook}"]


def _paragraph(one: Item) -> str:
    ended = "" if one.closed_at is None else f", until {_minute(one.closed_at)}"
    lines = [one.summary, f"since {_minute(one.opened_at)}{ended}"]
    if one.description:
        lines.append(one.description)
    lines += [f"{name}: {address}" for name, address in one.links.items() if name != "runbook"]
    return "\n".join(lines)


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
