"""Alertmanager's webhook: its alerts, as alerts of the outbox."""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from closecast.platform.alerts.alert import SEVERITIES, Alert, Severity
from closecast.platform.alerts.prometheus import WATCHDOG

_NAMED = ("alertname", "severity")  # labels that are fields of an alert


class ReceivedError(ValueError):
    """A body that is none of Alertmanager's."""


class _Alert(msgspec.Struct):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    generator_url: str = msgspec.field(name="generatorURL", default="")


class _Body(msgspec.Struct):
    version: Literal["4"]
    alerts: Annotated[list[_Alert], msgspec.Meta(max_length=1_000)]


@dataclass(frozen=True)
class Received:
    """What a body says: alerts that fire, alerts that have ended, and whether the watchdog was among them."""

    firing: tuple[Alert, ...]
    resolved: tuple[Alert, ...]
    watchdog: bool


def received(body: bytes) -> Received:
    """Parse a body of Alertmanager's webhook. Raises ReceivedError."""
    try:
        whole = msgspec.json.decode(body, type=_Body)
        made = [(one.status, _alert(one)) for one in whole.alerts if one.labels.get("alertname") != WATCHDOG]
    except (msgspec.DecodeError, ValueError) as error:
        raise ReceivedError(str(error)) from error
    return Received(
        tuple(alert for status, alert in made if status == "firing"),
        tuple(alert for status, alert in made if status == "resolved"),
        any(one.status == "firing" and one.labels.get("alertname") == WATCHDOG for one in whole.alerts),
    )


def _alert(one: _Alert) -> Alert:
    labels = {name: value for name, value in sorted(one.labels.items()) if name not in _NAMED}
    severity: Severity = "page" if one.labels.get("severity") == SEVERITIES[0] else "note"
    links = {"runbook": one.annotations.get("runbook", ""), "metrics": one.generator_url}
    return Alert(
        rule=one.labels.get("alertname", ""),
        key=", ".join(f"{name}={value}" for name, value in labels.items()) or "all",
        severity=severity,
        summary=one.annotations.get("summary", ""),
        description=one.annotations.get("description", ""),
        links={name: value for name, value in links.items() if value},
        labels=labels,
    )
