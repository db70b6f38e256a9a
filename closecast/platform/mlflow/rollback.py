"""Roll back: make an earlier version champion again, after looking at whether it can and should serve.

All that belongs to a model follows its run and its hash: its manifest names the reference that it is watched with, and
caches, recorded predictions, what matured of them, and verdicts are keyed by its run. So the alias is all that has to be
moved.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from closecast.models import replacement
from closecast.models.deal_model import DealModel, ModelError
from closecast.platform.database import connect
from closecast.platform.mlflow import champions
from closecast.platform.mlflow.champions import Change
from closecast.platform.mlflow.promotions import PromotionError, hold_promotion_lock
from closecast.platform.mlflow.registry import SAID_TAG, Identity, LostError, ModelRegistry, RegistryError, Served
from closecast.platform.signatures import UnsignedError

NONE = "none"  # what callers expect where there is no champion
_LOCK_SECONDS = 20.0  # a promotion holds the lock for some seconds
_MOST_REASONS = 600  # characters of the gate's


@dataclass(frozen=True)
class Objection:
    """Why a version should not serve, and what to do about it. One that is `final` cannot be overruled.

    `reasons` are the gate's, which may name agents: they are told, and not written to the audit log.
    """

    sentence: str
    remedy: str
    final: bool
    reasons: str = ""

    def __str__(self) -> str:
        return f"{self.sentence}: {self.reasons}" if self.reasons else self.sentence


@dataclass(frozen=True)
class Rollback:
    """A rollback, done or only planned: the champion before, the version to serve, and what speaks against it.

    `notes` say what else to know.
    """

    champion: Identity | None
    target: Identity
    objections: tuple[Objection, ...] = ()
    notes: tuple[str, ...] = ()
    done: bool = False

    @property
    def is_serving(self) -> bool:
        """Whether the target is the champion already, so that there is nothing to do."""
        return self.champion is not None and self.champion.is_same(self.target)


class NoTargetError(RegistryError):
    """There is no such version, or no champion before this one is known."""


class ChangedError(RegistryError):
    """The champion is not the one that the caller expects."""


class RefusedError(RegistryError):
    """There are objections."""

    def __init__(self, target: Identity, objections: tuple[Objection, ...]) -> None:
        super().__init__(f"{target} was not made champion: {'; '.join(map(str, objections))}")
        self.target, self.objections = target, objections


def plan(registry: ModelRegistry, url: str, version: str | None = None, serving: Served | None = None) -> Rollback:
    """Look at what rolling back to `version` would do; by default to the champion before the present one.

    `url` is that of the database with the audit log. `serving` is a model in memory, to compare deals with if it is the
    champion. Raises NoTargetError, PromotionError when the database is away, and RegistryError when the registry is.
    """
    champion = registry.champion_identity()
    target = _before(registry, url, champion) if version is None else _known(registry, version)
    planned = Rollback(champion, target)
    if planned.is_serving:
        return planned
    objections, notes = _looked_at(registry, champion, target, serving)
    return replace(planned, objections=objections, notes=notes)


def roll_back(
    registry: ModelRegistry,
    url: str,
    by: str,
    expected: str,
    version: str | None = None,
    *,
    force: bool = False,
    request_id: str | None = None,
    serving: Served | None = None,
) -> Rollback:
    """Make `version` champion, as `plan` describes it, and log that `by` did so.

    `expected` is the version that the caller believes to be champion, or NONE. `force` overrules objections that are
    not final. Raises ChangedError when the champion is another one, RefusedError, and what `plan` does.
    """
    _require(expected, registry.champion_identity())
    planned = plan(registry, url, version, serving)
    _require(expected, planned.champion)
    if planned.is_serving:
        return planned
    if any(one.final or not force for one in planned.objections):
        raise RefusedError(planned.target, planned.objections)
    overruled = "; ".join(one.sentence for one in planned.objections)
    change = Change(champions.ROLLED_BACK, f"forced, although {overruled}" if overruled else "", request_id)
    with hold_promotion_lock(url, by, _LOCK_SECONDS) as held:
        if not held.promote(registry, planned.target, planned.champion, change):
            raise ChangedError(
                f"the champion was changed while {planned.target} was looked at: look again, then repeat this"
            )
    return replace(planned, done=True)


def _require(expected: str, champion: Identity | None) -> None:
    present = NONE if champion is None else champion.version
    if expected != present:
        found = "there is no champion" if champion is None else f"{champion} is champion"
        wanted = "no champion" if expected == NONE else f"version {expected}"
        raise ChangedError(
            f"{found}, and {wanted} was expected: somebody else changed it; look again, then repeat this"
        )


def _known(registry: ModelRegistry, version: str) -> Identity:
    found = registry.find(version)
    if found is None:
        raise NoTargetError(f"the registry has no version {version}: MLflow lists those that there are")
    return found


def _before(registry: ModelRegistry, url: str, champion: Identity | None) -> Identity:
    """The nearest champion before `champion`."""
    try:
        with connect(url) as connection:
            earlier = champions.former(champions.tenures(connection), champion)
    except psycopg.Error as error:
        raise PromotionError(
            f"the record of earlier champions cannot be read: {str(error).strip().partition(chr(10))[0]}; "
            "wait for the database, or name a version"
        ) from error
    if not earlier:
        raise NoTargetError(
            "no champion before this one is recorded: name a version; MLflow lists those that there are"
        )
    found = [registry.find(one.version) for one in earlier]
    if found[0] is not None and found[0].run_id == earlier[0].run_id:
        return found[0]
    left = [one for one, now in zip(earlier, found, strict=True) if now is not None and now.run_id == one.run_id]
    instead = (
        f"the nearest that is left is {left[0]}: `just rollback {left[0].version}`"
        if left
        else "no earlier one is left: train a new model"
    )
    raise NoTargetError(f"the champion before this one, {earlier[0]}, is not in the registry any more; {instead}")


def _looked_at(
    registry: ModelRegistry, champion: Identity | None, target: Identity, serving: Served | None
) -> tuple[tuple[Objection, ...], tuple[str, ...]]:
    """The objections to `target`, and notes."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            # From the registry, as an instance without a copy would fetch it.
            registry.check_stored(target)
            served = registry.served(target, Path(scratch))
            served.model.replay(served.folder)
        except (LostError, ModelError) as error:
            return (_unloadable(target, error),), ()
        found = _gate(registry, target)
        if champion is not None:
            found += _of_replacement(registry, champion, target, served.model, serving)
        return tuple(found), _unwatched(registry, served, Path(scratch))


def _unloadable(target: Identity, error: LostError | ModelError) -> Objection:
    if isinstance(error, LostError):
        remedy = f"restore the artifacts of the run {target.run_id}, or name another version"
        return Objection(f"its artifacts are gone: {error}", remedy, final=True)
    remedy = "name another version, or train a new model"
    if isinstance(error, UnsignedError):
        remedy = f"if you know who made it: just sign-model {target.version}"
    return Objection(f"no service would load it: {error}", remedy, final=True)


def _unwatched(registry: ModelRegistry, served: Served, scratch: Path) -> tuple[str, ...]:
    try:
        registry.reference(served, scratch / "reference")
    except (LostError, ModelError) as error:
        return (f"monitoring will compare nothing while it serves, and judge it by outcomes alone: {error}",)
    return ()


def _gate(registry: ModelRegistry, target: Identity) -> list[Objection]:
    tags = registry.tags(target.version)
    decision = tags.get("decision")
    if decision == "promoted":
        return []
    reasons = tags.get("decision_reasons", "no reason is recorded")[:_MOST_REASONS]
    remedy = "use force if it must serve all the same"
    if decision == "in shadow":
        said = tags.get(SAID_TAG, "not compared yet")
        return [
            Objection(
                f"the gate accepted it for the shadow, and outcomes decide: {said}",
                "wait for them; once they prove it better, `just monitor --promote` promotes it at once",
                final=False,
            )
        ]
    if decision == "refused":
        return [Objection("the gate refused it", remedy, final=False, reasons=reasons)]
    return [Objection("the gate never decided on it", remedy, final=False)]


def _of_replacement(
    registry: ModelRegistry, champion: Identity, target: Identity, model: DealModel, serving: Served | None
) -> list[Objection]:
    found = []
    origin = replacement.origin(model.card, registry.source(champion))
    if not origin.passed:
        found.append(Objection(origin.sentence, "use force if it must serve all the same", final=False))
    present = serving.model if serving is not None and serving.identity.is_same(champion) else None
    if present is None:
        present = _readable(registry, champion)
    if present is not None and replacement.are_other_deals(present.deals, model.deals):
        sentence = f"it was trained on other deals ({model.card.source}) than {champion} ({present.card.source})"
        found.append(Objection(sentence, f"use force if {champion}, not {target}, is of the wrong deals", final=False))
    return found


def _readable(registry: ModelRegistry, champion: Identity) -> DealModel | None:
    """The champion's model; None if it cannot be read any more, which is a reason to leave it."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return registry.served(champion, Path(scratch)).model
        except (LostError, ModelError):
            return None
