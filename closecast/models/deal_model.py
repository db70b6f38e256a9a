"""A trained model: what predicts, the history its features are read from, its card, and the folder it is kept in."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from closecast.features import FeatureBuilder, History
from closecast.features.calendar import FiscalCalendar
from closecast.features.history import COLUMNS
from closecast.models.golden import Golden
from closecast.models.scorer import FILES as SCORER_FILES
from closecast.models.scorer import ModelError, Scorer
from closecast.models.single import SingleScorer

__all__ = ["FILES", "DealModel", "ModelCard", "ModelError", "digest"]

_CARD = "card.json"
_DEALS = "deals.parquet"
_GOLDEN = "golden.json"
FILES = (*SCORER_FILES, _CARD, _DEALS, _GOLDEN)
_CODED = ("sales_agent", "product", "account", "deal_stage")  # few values, repeated: kept once each in memory


@dataclass(frozen=True)
class ModelCard:
    """What is known about a model without running it; kept as JSON beside the booster."""

    trained_at: str  # ISO 8601, UTC
    source: str  # "synthetic", "file:sales.csv"
    source_sha256: str
    data_as_of: str  # ISO date: the last date in the export
    deals_key: str  # the silver Parquet in the lake's bucket
    feature_names: tuple[str, ...]
    horizons: tuple[int | str, ...]
    cut: str  # ISO date: held-out as-of dates start here
    metrics: dict[str, float]  # held out, of the booster fitted before the cut
    reference_metrics: dict[str, float]  # the ladder's rungs on the same rows
    rows: dict[str, int]  # "accepted", "rejected", "fit" (evaluation), "refit" (the booster served)
    hyperparameters: dict[str, float]
    rounds: int
    calibration: dict[str, float]
    seed: int
    quality: float | None = None  # score of the export, 0..1
    git_commit: str | None = None
    fiscal_year_start: int = (
        1  # first month of the fiscal year whose quarters the model means; January before this was told
    )
    note: str = (
        "Metrics are of a booster fitted only on rows whose label window ended before the cut, measured on as-of dates "
        "from the cut on. The booster served was then refitted on all rows with known labels; it has no held-out metrics."
    )

    @cached_property
    def known_until(self) -> date:
        """`data_as_of` as a date."""
        return date.fromisoformat(self.data_as_of)

    @cached_property
    def fiscal(self) -> FiscalCalendar:
        """The quarters that the model learnt: whoever asks it by quarter end must mean these."""
        return FiscalCalendar(self.fiscal_year_start)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """Raises ModelError naming what is missing or unknown."""
        try:
            content: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError as error:
            raise ModelError(f"the model's card is not JSON: {error}") from error
        known = {field.name for field in fields(cls)}
        content.setdefault("fiscal_year_start", 1)
        if difference := sorted(known ^ content.keys()):
            raise ModelError(f"the model's card and this version disagree about {', '.join(difference)}: train anew")
        for name in ("feature_names", "horizons"):
            content[name] = tuple(content[name])
        try:
            FiscalCalendar(content["fiscal_year_start"])
        except (TypeError, ValueError) as error:
            raise ModelError(f"the model's card holds an impossible fiscal_year_start: {error}") from error
        return cls(**content)


@dataclass(frozen=True, eq=False)
class DealModel:
    """What a service needs to answer: the scorer, and the deals whose history the features tell."""

    scorer: Scorer
    card: ModelCard
    deals: pd.DataFrame  # accepted deals, columns features.history.COLUMNS

    @cached_property
    def builder(self) -> FeatureBuilder:
        """Feature values of deals seen with the history that the model knows."""
        return FeatureBuilder(History(self.deals, date.fromisoformat(self.card.data_as_of), self.card.fiscal))

    @cached_property
    def single(self) -> SingleScorer:
        """The way of one deal at a time."""
        return SingleScorer(self.scorer)

    def seen_with(self, deals: pd.DataFrame, known_until: date, key: str) -> "DealModel":
        """The same scorer with a later history: accepted deals known until a date, kept under `key`."""
        card = replace(self.card, data_as_of=known_until.isoformat(), deals_key=key)
        return DealModel(self.scorer, card, deals.astype(dict.fromkeys(_CODED, "category")))

    def save(self, folder: Path) -> None:
        """Write all of it into `folder`, made if absent."""
        self.scorer.save(folder)
        (folder / _CARD).write_text(self.card.to_json())
        self.deals[list(COLUMNS)].to_parquet(folder / _DEALS, index=False, compression="zstd")
        (folder / _GOLDEN).write_text(Golden.of(self).to_json())

    def replay(self, folder: Path) -> None:
        """Ask again what was asked when the model was made, and kept in `folder`. Raises ModelError for another bit."""
        try:
            golden = Golden.from_json((folder / _GOLDEN).read_text())
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"the golden rows in {folder} cannot be read: {type(error).__name__}: {error}") from error
        golden.replay(self)

    @classmethod
    def load(cls, folder: Path) -> "DealModel":
        """Read what `save` wrote. Raises ModelError when a file is absent or damaged, or the features are others."""
        scorer = Scorer.load(folder)
        try:
            card = ModelCard.from_json((folder / _CARD).read_text())
            deals = pd.read_parquet(folder / _DEALS)
        except (OSError, ValueError) as error:
            raise (
                error if isinstance(error, ModelError) else ModelError(f"the model in {folder} cannot be read: {error}")
            ) from error
        return cls(scorer, card, deals.astype(dict.fromkeys(_CODED, "category")))


def digest(folder: Path) -> str:
    """SHA-256 of the model in `folder`, 64 hexadecimal digits: over FILES, each with its name; other files are no part of it.

    Raises ModelError when one cannot be read.
    """
    whole = hashlib.sha256()
    for name in sorted(FILES):
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise ModelError(f"the model in {folder} is not whole: {name}: {error.strerror or error}") from error
        whole.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return whole.hexdigest()
