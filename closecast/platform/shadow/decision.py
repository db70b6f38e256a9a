"""What follows from the outcomes of a champion and a model in shadow: promotion by policy, automatic rollback, or patience.

A version gets the alias `shadow` as a challenger, after the gate has accepted it, or as the former champion, after a promotion.
`decide` compares it with the champion by all outcomes so far:

| the version in shadow | proved better | proved worse | neither |
|---|---|---|---|
| challenger | `auto`: champion, and the former one goes to shadow; `manual`: is said to be ready | leaves the shadow | waits |
| former champion | champion again (rollback), whatever the policy; nothing is left in shadow | leaves the shadow | leaves it when its time is over |

All of it happens under the lock of promotions. A change of champion is written down before it is made and marked when it is
complete, so that the next call completes one that was interrupted. Doing it twice changes nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
import psycopg
from psycopg.types.json import Json

from closecast.monitoring.comparison import BETTER, WORSE, Comparison, compare
from closecast.platform.mlflow import champions
from closecast.platform.mlflow.champions import PROMOTED, ROLLED_BACK
from closecast.platform.mlflow.promotions import PromotionLock, hold_promotion_lock
from closecast.platform.mlflow.registry import (
    CHALLENGER_ROLE,
    FORMER_ROLE,
    ROLE_TAG,
    SAID_TAG,
    SINCE_TAG,
    Identity,
    ModelRegistry,
)
from closecast.platform.monitoring import judging
from closecast.platform.settings import WATCH_DAYS
from closecast.platform.shadow import pairs

WAIT_SECONDS = 60.0  # for the lock of promotions; the next call comes soon enough
Policy = Literal["manual", "auto"]
POLICIES: dict[str, Policy] = {"auto": "auto", "manual": "manual"}
Action = Literal["none", "waiting", "ready", "promoted", "rolled back", "ended"]
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Decision:
    """What was done, and why in one sentence; the versions as they were before, and the comparison where there was one."""

    action: Action
    sentence: str
    champion: Identity | None = None
    shadow: Identity | None = None
    role: str | None = None
    comparison: Comparison | None = None

    def as_dict(self) -> dict[str, Any]:
        """The decision as JSON's types, dates as text."""
        return {
            "action": self.action,
            "sentence": self.sentence,
            "champion": None if self.champion is None else self.champion.version,
            "shadow": None if self.shadow is None else self.shadow.version,
            "role": self.role,
            "comparison": None if self.comparison is None else _figures(self.comparison),
        }


@dataclass(frozen=True)
class _Change:
    """A change of champion that was begun."""

    number: int
    kind: str
    model: Identity
    before: Identity
    sentence: str


def decide(
    connection: Connection,
    registry: ModelRegistry,
    lock_url: str,
    *,
    policy: Policy,
    at: datetime,
    by: str,
    watch_days: int = WATCH_DAYS,
) -> Decision:
    """Compare the version in shadow with the champion, and do what follows. Call it after outcomes were judged.

    `connection` is to the database `closecast`, as a role that may write `shadow_comparisons` and `champion_changes`;
    `lock_url` is that of the lock of promotions. `at` has a time zone; it and `by` are recorded. Raises RegistryError while
    the registry is away, its subclass PromotionError when the lock cannot be acquired, and psycopg.Error: then the next call
    goes on.
    """
    with hold_promotion_lock(lock_url, by, WAIT_SECONDS) as lock:
        if begun := _begun(connection):
            return _complete(connection, registry, lock, begun, at, by)
        champion, shadow = registry.champion_identity(), registry.shadow_identity()
        if shadow is None:
            return Decision("none", "no version is in shadow", champion)
        if champion is None or shadow.is_same(champion):
            registry.end_shadow()
            return Decision(
                "ended", f"{shadow} left the shadow: there is no other champion beside it", champion, shadow
            )
        tags = registry.tags(shadow.version)
        role = tags.get(ROLE_TAG, CHALLENGER_ROLE)
        found = _compared(connection, champion, shadow, at.date())
        said = Decision(
            "waiting", f"{shadow}, {role}, beside {champion}: {found.sentence}", champion, shadow, role, found
        )
        registry.tag(shadow.version, {SAID_TAG: f"beside {champion}: {found.sentence}"})
        if found.verdict == BETTER and (policy == "auto" or role == FORMER_ROLE):
            kind = "rollback" if role == FORMER_ROLE else "promotion"
            change = _begin(connection, kind, said, policy, at, by)
            return _complete(connection, registry, lock, change, at, by, said)
        if found.verdict == BETTER:
            return _as(
                said, "ready", "it is ready, and the policy leaves the promotion to a person: `just monitor --promote`"
            )
        if found.verdict == WORSE:
            registry.end_shadow()
            return _as(said, "ended", "it left the shadow")
        since = _since(tags, at)
        if role == FORMER_ROLE and at - since > timedelta(days=watch_days):
            registry.end_shadow()
            return _as(said, "ended", f"it left the shadow after {watch_days} days")
        return said


def _as(said: Decision, action: Action, words: str) -> Decision:
    return Decision(action, f"{said.sentence}; {words}", said.champion, said.shadow, said.role, said.comparison)


def _since(tags: Mapping[str, str], at: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(tags[SINCE_TAG])
    except (KeyError, ValueError):
        return at  # the alias was set by hand: it stays until somebody takes it away
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _compared(connection: Connection, champion: Identity, shadow: Identity, today: date) -> Comparison:
    """Compare by what is known now, and write it down for its day."""
    known = judging.known_now(connection)
    reach = today if np.isnat(known.reach) else date.fromisoformat(str(known.reach))
    found = pairs.read(connection, shadow.run_id, champion.run_id, known)
    comparison = compare(found.judged, found.waiting, reach)
    connection.execute(
        """
        INSERT INTO shadow_comparisons (shadow_run_id, served_run_id, reach, shadow_version, served_version, verdict, deals,
            figures, sentence)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (shadow_run_id, served_run_id, reach) DO UPDATE SET verdict = excluded.verdict, deals = excluded.deals,
            figures = excluded.figures, sentence = excluded.sentence, compared_at = now()
        """,
        [
            shadow.run_id,
            champion.run_id,
            reach,
            shadow.version,
            champion.version,
            comparison.verdict,
            comparison.deals,
            Json({**_figures(comparison), "predictions": asdict(found.counts)}),
            comparison.sentence,
        ],
    )
    return comparison


def _figures(comparison: Comparison) -> dict[str, Any]:
    forecast = comparison.forecast
    return {
        **asdict(comparison),
        "decided_on": None if comparison.decided_on is None else comparison.decided_on.isoformat(),
        "forecast": None
        if forecast is None
        else {
            "deals": forecast.deals,
            "likely_by": None if forecast.likely_by is None else forecast.likely_by.isoformat(),
        },
        "sentence": comparison.sentence,
    }


def _begin(connection: Connection, kind: str, said: Decision, policy: Policy, at: datetime, by: str) -> _Change:
    model, before, comparison = said.shadow, said.champion, said.comparison
    assert model is not None
    assert before is not None
    assert comparison is not None
    row = connection.execute(
        """
        INSERT INTO champion_changes (kind, version, run_id, before_version, before_run_id, policy, decided_by, evidence, sentence,
            begun_at, evidence_until)
        SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, max("time") FROM shadow_predictions
        WHERE model_run_id = %s AND served_run_id = %s RETURNING number
        """,
        [
            kind,
            model.version,
            model.run_id,
            before.version,
            before.run_id,
            policy,
            by,
            Json(_figures(comparison)),
            comparison.sentence,
            at,
            model.run_id,
            before.run_id,
        ],
    ).fetchone()
    assert row is not None
    return _Change(row[0], kind, model, before, comparison.sentence)


def _begun(connection: Connection) -> _Change | None:
    """The change that an earlier call has begun and not completed."""
    row = connection.execute(
        "SELECT number, kind, version, run_id, before_version, before_run_id, sentence FROM champion_changes WHERE state = 'begun'"
    ).fetchone()
    if row is None:
        return None
    return _Change(row[0], row[1], Identity(row[2], row[3]), Identity(row[4], row[5]), row[6])


def _complete(
    connection: Connection,
    registry: ModelRegistry,
    lock: PromotionLock,
    change: _Change,
    at: datetime,
    by: str,
    said: Decision | None = None,
) -> Decision:
    """Do what of `change` is not done yet, unless somebody else has moved an alias since it was begun."""
    champion, shadow = registry.champion_identity(), registry.shadow_identity()
    is_moved = champion is not None and champion.is_same(change.model)
    if not is_moved:
        is_as_it_was = (
            champion is not None
            and champion.is_same(change.before)
            and shadow is not None
            and shadow.is_same(change.model)
        )
        if not is_as_it_was or not _promote(registry, lock, change, champion, shadow, at, by):
            _end(connection, change, "overtaken", at)
            words = f"the {change.kind} to {change.model} was overtaken: somebody else has moved an alias"
            return Decision("none", words, champion, shadow)
    if change.kind == "promotion":
        registry.put_in_shadow(change.before.version, FORMER_ROLE, at)
    else:
        registry.end_shadow()
    _end(connection, change, "done", at)
    action: Action = "promoted" if change.kind == "promotion" else "rolled back"
    sentence = f"{change.model} is champion in place of {change.before} ({change.kind}): {change.sentence}"
    return Decision(
        action,
        sentence,
        change.before,
        change.model,
        None if said is None else said.role,
        None if said is None else said.comparison,
    )


def _promote(
    registry: ModelRegistry,
    lock: PromotionLock,
    change: _Change,
    champion: Identity | None,
    shadow: Identity | None,
    at: datetime,
    by: str,
) -> bool:
    assert shadow is not None
    evidence = {
        "decision": "promoted",
        "decision_reasons": change.sentence[:4_900],
        "decision_by": by,
        "decision_at": at.isoformat(timespec="seconds"),
        "decision_champion": str(change.before),
        "decision_kind": f"{change.kind} by outcomes",
    }
    registry.tag(change.model.version, evidence)
    act = ROLLED_BACK if change.kind == "rollback" else PROMOTED
    return lock.promote(registry, shadow, champion, champions.Change(act, change.sentence))


def _end(connection: Connection, change: _Change, state: str, at: datetime) -> None:
    connection.execute(
        "UPDATE champion_changes SET state = %s, ended_at = %s WHERE number = %s AND state = 'begun'",
        [state, at, change.number],
    )
