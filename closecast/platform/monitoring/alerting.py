"""The alerts that follow from a look at the served model and from retrainings."""

from collections.abc import Mapping, Sequence

from closecast.monitoring.verdict import Verdict
from closecast.platform.alerts.alert import Alert
from closecast.platform.alerts.outbox import fire, resolve, select
from closecast.platform.alerts.rules import Rules
from closecast.platform.journal.store import Connection

PROVED, ESTIMATED, QUALITY, FAILED = "harmful_proved", "harmful_estimated", "data_quality", "retraining_failed"
_VERDICTS = {Verdict.PROVED: PROVED, Verdict.ESTIMATED: ESTIMATED}
LEAST_FALL = 0.05  # of the quality score, from the export that the model learnt from


def tell_verdict(
    connection: Connection,
    rules: Rules,
    verdict: str,
    reasons: Sequence[str],
    model: Mapping[str, str],
    links: Mapping[str, str],
) -> list[str]:
    """Open the alert of a harmful verdict, and close those that no longer hold; returns the rules of new alerts.

    `model` has `version` and `run_id`; alerts about earlier models end with the first verdict on the next one. A look that
    could not judge changes nothing about the model's own alerts.
    """
    new = []
    with connection.transaction():
        for of, rule in _VERDICTS.items():
            if verdict == of and _fired(connection, rules, rule, model["run_id"], "; ".join(reasons), links, model):
                new.append(rule)
            for one in select(connection, "rule = %s AND closed_at IS NULL", [rule]):
                if one.key != model["run_id"] or verdict not in (of, Verdict.NOT_JUDGED):
                    resolve(connection, rule, one.key)
    return new


def tell_quality(
    connection: Connection, rules: Rules, found: float, learnt: float | None, links: Mapping[str, str]
) -> bool:
    """Open the alert that the export's quality score, 0 to 1, has fallen below what the model learnt from, or close it.

    Returns whether it is new.
    """
    with connection.transaction():
        if learnt is None or found > learnt - LEAST_FALL:
            resolve(connection, QUALITY, "export")
            return False
        description = f"its score is {found:.3f}; the model learnt from an export with {learnt:.3f}"
        return _fired(connection, rules, QUALITY, "export", description, links)


def tell_retraining(connection: Connection, rules: Rules, number: int, error: str | None) -> None:
    """Open the alert that retraining `number` has failed with `error`; None closes those of earlier ones."""
    with connection.transaction():
        if error is not None:
            _fired(connection, rules, FAILED, f"retraining {number}", error, {})
            return
        for one in select(connection, "rule = %s AND closed_at IS NULL", [FAILED]):
            resolve(connection, FAILED, one.key)


def _fired(
    connection: Connection,
    rules: Rules,
    name: str,
    key: str,
    found: str,
    links: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
) -> bool:
    rule = rules.rules[name]
    return fire(
        connection,
        Alert(
            rule=name,
            key=key,
            severity=rule.severity,
            summary=rule.summary,
            description=f"{rule.description} Found: {found}.",
            links={**links, "runbook": rule.runbook},
            labels=labels or {},
        ),
    )
