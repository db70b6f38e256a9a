"""Prometheus's rule file, made from the rules of alerts."""

from typing import Any

import msgspec

from closecast.platform.alerts.rules import Objective, Rules

# Always fires: while it arrives, Prometheus and Alertmanager work.
WATCHDOG = "watchdog"
_GROUP = "closecast"


def rule_file(rules: Rules) -> bytes:
    """The recording rules and alerts of `rules` as Prometheus reads them (YAML)."""
    return msgspec.yaml.encode(
        {"groups": [{"name": _GROUP, "rules": [*_recorded(rules), *_alerts(rules), _watchdog()]}]}
    )


def _recorded(rules: Rules) -> list[dict[str, Any]]:
    windows: dict[tuple[str, str], Objective] = {}
    for rule in rules.rules.values():
        if (burn := rule.burn_rate) is not None:
            windows |= {(burn.slo, window): rules.objectives[burn.slo] for window in (burn.long, burn.short)}
    recorded = [{"record": one.record, "expr": one.expression} for one in rules.recorded]
    for (name, window), objective in windows.items():
        bad, total = (text.replace("{window}", window) for text in (objective.bad, objective.total))
        recorded.append({"record": _events(name, window), "expr": total})
        recorded.append({"record": _ratio(name, window), "expr": f"({bad}) / ({_events(name, window)} > 0)"})
    return recorded


def _alerts(rules: Rules) -> list[dict[str, Any]]:
    made = []
    for name, rule in rules.of("metrics").items():
        expression = rule.expression
        if (burn := rule.burn_rate) is not None:
            allowed = f"{burn.factor:g} * {1 - rules.objectives[burn.slo].objective:.6g}"
            expression = (
                f"{_ratio(burn.slo, burn.long)} > {allowed} and {_ratio(burn.slo, burn.short)} > {allowed} "
                f"and {_events(burn.slo, burn.long)} >= {burn.least}"
            )
        made.append(
            {
                "alert": name,
                "expr": expression,
                "for": rule.lasting,
                "labels": {"severity": rule.severity},
                "annotations": {"summary": rule.summary, "description": rule.description, "runbook": rule.runbook},
            }
        )
    return made


def _watchdog() -> dict[str, Any]:
    return {"alert": WATCHDOG, "expr": "vector(1)", "labels": {"severity": "note"}}


def _events(objective: str, window: str) -> str:
    return f"closecast:{objective}:events_{window}"


def _ratio(objective: str, window: str) -> str:
    return f"closecast:{objective}:bad_ratio_{window}"
