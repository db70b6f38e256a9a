"""A candidate beside the champion: its predictions on the candidate's held-out rows, or why they cannot be had."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from closecast.models import promotion
from closecast.models.candidate import Candidate
from closecast.models.card import CHAMPION, ModelCard
from closecast.models.deal_model import ModelError
from closecast.models.evaluation import HeldOut, Split
from closecast.models.promotion import Check
from closecast.models.scorer import Scorer
from closecast.platform.mlflow import rehearsal
from closecast.platform.mlflow.registry import Identity, LostError, ModelRegistry

# An object store that was restarted is empty for a while before it is filled again.
LOSS_SECONDS = 60.0
AGAIN_SECONDS = 5.0
_T = TypeVar("_T")


@dataclass(frozen=True)
class Beside:
    """What the gate decides on, but for the cost."""

    champion: Identity | None  # who bore the alias meanwhile
    held_out: tuple[HeldOut, ...]  # with its predictions, where they could be had
    reason: str | None  # why they could not
    checks: tuple[Check, ...]  # of the champion's origin


def beside_champion(
    registry: ModelRegistry, card: ModelCard, candidate: Candidate, loss_seconds: float = LOSS_SECONDS
) -> Beside:
    """Measure the champion's twin on the rows held out for `candidate`, whose card is `card`.

    A champion whose artifacts are gone, or cannot be used, is told in `reason`: training must not end because of it. A loss is
    believed once it has lasted for `loss_seconds`. Raises RegistryError while the registry or its object store is away.
    """
    champion = registry.champion_identity()
    if champion is None:
        return Beside(None, candidate.held_out, "there is no champion yet", ())
    known: list[ModelCard] = []
    found: tuple[HeldOut, ...] | None = None
    try:
        found, reason = _asked(lambda: _measured(registry, champion, card, candidate, known), loss_seconds)
    except LostError as error:
        reason = f"the artifacts of {champion} are gone: {error}"
    except ModelError as error:
        reason = f"the champion cannot be used by this version: {error}"
    # Without a card, the registry's tags still say what may not be replaced.
    source = known[-1].source if known else registry.source(champion)
    return Beside(champion, found or candidate.held_out, reason, (promotion.origin(card, source),))


def _measured(
    registry: ModelRegistry, champion: Identity, card: ModelCard, candidate: Candidate, known: list[ModelCard]
) -> tuple[tuple[HeldOut, ...] | None, str | None]:
    """The rows with its predictions, or why they cannot be compared. Its card is added to `known` once it is read."""
    with tempfile.TemporaryDirectory() as scratch:
        served = registry.served(champion, Path(scratch))
        known.append(served.model.card)
        # No service takes up one that answers otherwise than when it was made (other features, say): it is no champion.
        served.model.replay(served.folder)
        reason = promotion.incomparable(card, served.model.card)
        if reason is not None:
            return None, reason
        folder = registry.twin(served, Path(scratch) / "twin")
        rehearsal.rehearse(served.folder, folder)
        twin = Scorer.load(folder)
    parts = zip(candidate.held_out, candidate.splits, strict=True)
    return tuple(_with_champion(part, split, twin) for part, split in parts), None


def _asked(ask: Callable[[], _T], loss_seconds: float) -> _T:
    """What `ask` returns, asked again while it tells of a loss."""
    deadline = time.monotonic() + loss_seconds
    while True:
        try:
            return ask()
        except LostError:
            left = deadline - time.monotonic()
            if left <= 0:
                raise
            time.sleep(min(left, AGAIN_SECONDS))


def _with_champion(part: HeldOut, split: Split, twin: Scorer) -> HeldOut:
    return replace(part, predictions={**part.predictions, CHAMPION: twin.predict(split.test.matrix)})
