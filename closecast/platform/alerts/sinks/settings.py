"""Which sinks there are: the operator's file, checked, and the sinks made from it."""

import re
from collections.abc import Sequence
from email.headerregistry import Address
from pathlib import Path
from typing import Annotated

import msgspec

from closecast.platform.alerts.alert import SEVERITIES, Severity
from closecast.platform.alerts.planning import Route
from closecast.platform.alerts.sinks.http import is_loopback, require_address
from closecast.platform.alerts.sinks.sink import Sink
from closecast.platform.alerts.sinks.slack import Slack
from closecast.platform.alerts.sinks.smtp import Security, Smtp
from closecast.platform.alerts.sinks.sns import Sns
from closecast.platform.alerts.sinks.webhook import Webhook

Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]{0,39}$")]
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_SHORTEST_SECRET = 16  # characters


class SinksError(ValueError):
    """The sinks cannot be used: which and why. The text quotes no secret."""


class _Sink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    name: Name
    severities: tuple[Severity, ...] = SEVERITIES


class SnsSettings(_Sink, frozen=True, tag="sns"):
    """A topic of Amazon SNS, by its ARN."""

    topic: str


class SmtpSettings(_Sink, frozen=True, tag="smtp"):
    """A mail server, and who gets mail."""

    host: str
    sender: str
    recipients: Annotated[list[str], msgspec.Meta(min_length=1, max_length=50)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 587
    security: Security = "starttls"
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None


class WebhookSettings(_Sink, frozen=True, tag="webhook"):
    """An address, and the secret that signs what is posted to it."""

    url: str
    secret: Annotated[str, msgspec.Meta(min_length=_SHORTEST_SECRET)]


class SlackSettings(_Sink, frozen=True, tag="slack"):
    """The address of an incoming webhook of Slack."""

    url: str


SinkSettings = SnsSettings | SmtpSettings | WebhookSettings | SlackSettings


def parse(text: str | bytes) -> list[SinkSettings]:
    """Parse a JSON list of sinks. Raises SinksError."""
    try:
        return checked(msgspec.json.decode(text, type=list[SinkSettings]))
    except msgspec.ValidationError as error:
        raise SinksError(str(error)) from error
    except msgspec.DecodeError as error:
        raise SinksError("this is not JSON") from error


def checked(found: list[SinkSettings]) -> list[SinkSettings]:
    """`found`, if all of it can be used. Raises SinksError."""
    names = [one.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SinksError(f"two sinks have the name {twice[0]}")
    for one in found:
        if problem := _problem(one):
            raise SinksError(f"the sink {one.name}: {problem}")
    return found


def _problem(one: SinkSettings) -> str | None:
    match one:
        case SnsSettings():
            return None if _TOPIC.fullmatch(one.topic) else "topic is no ARN of an SNS topic"
        case WebhookSettings() | SlackSettings():
            try:
                require_address(one.url)
            except ValueError as error:
                return str(error)
            return None
        case SmtpSettings():
            return _smtp_problem(one)


def _smtp_problem(one: SmtpSettings) -> str | None:
    if not _HOST.fullmatch(one.host):
        return "host is no name of a host"
    if one.security == "none" and not is_loopback(one.host):
        return "security is none, which only a mail server on this machine may be used with"
    if (one.user is None) != (one.password is None):
        return "user and password belong together"
    for address in (one.sender, *one.recipients):
        try:
            Address(addr_spec=address)
            usable = address.isascii() and address.isprintable() and "@" in address
        except (ValueError, IndexError):
            usable = False
        if not usable:
            return f"{address!r:.100} is no mail address"
    return None


def sink(one: SinkSettings) -> Sink:
    """The sink of these settings. Nothing is connected before the first message."""
    match one:
        case SnsSettings():
            return Sns(one.name, one.topic)
        case WebhookSettings():
            return Webhook(one.name, one.url, one.secret)
        case SlackSettings():
            return Slack(one.name, one.url)
        case SmtpSettings():
            login = None if one.user is None or one.password is None else (one.user, one.password)
            authorities = None if one.ca_file is None else Path(one.ca_file)
            return Smtp(one.name, one.host, one.port, one.security, one.sender, one.recipients, login, authorities)


def routes(found: Sequence[SinkSettings]) -> list[Route]:
    """Which severities each sink is sent."""
    return [Route(one.name, frozenset(one.severities)) for one in found]
