"""Compare a candidate with the champion: the champion's predictions on the candidate's held-out rows."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from closecast.models import replacement
from closecast.models.candidate import Candidate
from closecast.models.card import CHAMPION, ModelCard
from closecast.models.check import Check
from closecast.models.deal_model import ModelError
from closecast.models.evaluation import HeldOut, Split
from closecast.models.scorer import Scorer
from closecast.platform.mlflow import smoke_test
from closecast.platform.mlflow.registry import Identity, LostError, ModelRegistry

# An object store that was restarted is empty for a while before it is filled again.
LOSS_SECONDS = 60.0
AGAIN_SECONDS = 5.0
_T = TypeVar("_T")


@dataclass(frozen=True)
class ChampionComparison:
    """The gate's input except the cost."""

    champion: Identity | None  # that was compared
    held_out: tuple[HeldOut, ...]  # with the champion's predictions, if available
    reason: str | None  # why they are not available
    checks: tuple[Check, ...]  # of the champion's origin
    card: ModelCard | None = None  # the champion's, where it can be read
    has_other_deals: bool = False  # the champion was trained on those of another company


@dataclass(frozen=True)
class _Champion:
    """The facts of a champion that could be read."""

    card: ModelCard
    has_other_deals: bool


def compare_with_champion(
    registry: ModelRegistry,
    card: ModelCard,
    candidate: Candidate,
    loss_seconds: float = LOSS_SECONDS,
    is_platforms_source: bool = False,
) -> ChampionComparison:
    """Measure the champion's twin on the rows held out for `candidate`, whose card is `card`.

    If the champion's artifacts are gone or unusable, `reason` says so: training must not fail because of it. A loss
    counts after `loss_seconds`. For data of the platform's own source (`is_platforms_source`) a champion of other deals
    is not measured, however well it predicts these: it lists others. Raises RegistryError while the registry or its
    object store is away.
    """
    champion = registry.champion_identity()
    if champion is None:
        return ChampionComparison(None, candidate.held_out, "there is no champion yet", ())
    known: list[_Champion] = []
    found: tuple[HeldOut, ...] | None = None
    try:
        found, reason = _retried(
            lambda: _measured(registry, champion, card, candidate, is_platforms_source, known), loss_seconds
        )
    except LostError as error:
        reason = f"the artifacts of {champion} are gone: {error}"
    except ModelError as error:
        reason = f"the champion cannot be used by this version: {error}"
    # Without a card, the registry's tags still say what may not be replaced.
    read = known[-1] if known else None
    source = registry.source(champion) if read is None else read.card.source
    return ChampionComparison(
        champion,
        found or candidate.held_out,
        reason,
        (replacement.origin(card, source),),
        None if read is None else read.card,
        read is not None and read.has_other_deals,
    )


def _measured(
    registry: ModelRegistry,
    champion: Identity,
    card: ModelCard,
    candidate: Candidate,
    is_platforms_source: bool,
    known: list[_Champion],
) -> tuple[tuple[HeldOut, ...] | None, str | None]:
    """The held-out rows with the champion's predictions, or the reason why not.

    What is known of it is added to `known` once it is read.
    """
    with tempfile.TemporaryDirectory() as scratch:
        served = registry.served(champion, Path(scratch))
        theirs = served.model.card
        read = _Champion(theirs, replacement.are_other_deals(candidate.data.deals, served.model.deals))
        known.append(read)
        # No service loads a model whose predictions differ from those at training time: it cannot be compared with.
        served.model.replay(served.folder)
        reason = replacement.incomparable(card, theirs)
        if is_platforms_source and read.has_other_deals:
            reason = "the champion was trained on other deals"
        if reason is not None:
            return None, reason
        folder = registry.twin(served, Path(scratch) / "twin")
        smoke_test.run(served.folder, folder)
        twin = Scorer.load(folder)
    parts = zip(candidate.held_out, candidate.splits, strict=True)
    return tuple(_with_champion(part, split, twin) for part, split in parts), None


def _retried(call: Callable[[], _T], loss_seconds: float) -> _T:
    """Call `call`, repeatedly while it raises LostError."""
    deadline = time.monotonic() + loss_seconds
    while True:
        try:
            return call()
        except LostError:
            left = deadline - time.monotonic()
            if left <= 0:
                raise
            time.sleep(min(left, AGAIN_SECONDS))


def _with_champion(part: HeldOut, split: Split, twin: Scorer) -> HeldOut:
    return replace(part, predictions={**part.predictions, CHAMPION: twin.predict(split.test.matrix)})
