"""A trained model: the scorer, the history for its features, its card, and its folder on disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow as pa

from closecast.deals.vocabulary import BESIDES, TEAM_COLUMNS
from closecast.features import FeatureBuilder, History
from closecast.features.history import COLUMNS
from closecast.models import manifest
from closecast.models.card import ModelCard
from closecast.models.golden import Golden
from closecast.models.manifest import ModelError, digest
from closecast.models.scorer import FILES as SCORER_FILES
from closecast.models.scorer import Scorer
from closecast.models.single import SingleScorer

__all__ = ["FILES", "DealModel", "ModelError", "digest"]

_CARD = "card.json"
_DEALS = "deals.parquet"
_GOLDEN = "golden.json"
FILES = (*SCORER_FILES, _CARD, _DEALS, _GOLDEN)
_CODED = (
    "sales_agent",
    "product",
    "account",
    "deal_stage",
    *TEAM_COLUMNS,
)  # few distinct values: kept as categories in memory


@dataclass(frozen=True, eq=False)
class DealModel:
    """Everything a service needs to predict: the scorer, and the deals that are the history of the features."""

    scorer: Scorer
    card: ModelCard
    deals: pd.DataFrame  # accepted deals, columns features.history.COLUMNS, and those of BESIDES that they have

    @cached_property
    def builder(self) -> FeatureBuilder:
        """Builds feature values from the model's history."""
        return FeatureBuilder(History(self.deals, date.fromisoformat(self.card.data_as_of), self.card.fiscal))

    @cached_property
    def single(self) -> SingleScorer:
        """Scores one deal at a time."""
        return SingleScorer(self.scorer)

    def seen_with(
        self, deals: pd.DataFrame, known_until: date, key: str, pseudonymised: tuple[str, ...] = ()
    ) -> "DealModel":
        """Return this model with a later history: accepted deals known until a date, stored under `key`.

        `pseudonymised` are their columns that hold pseudonyms.
        """
        card = replace(self.card, data_as_of=known_until.isoformat(), deals_key=key, pseudonymised=pseudonymised)
        return DealModel(self.scorer, card, _coded(deals))

    def save(self, folder: Path, beside: Mapping[str, str] | None = None) -> None:
        """Write the model into `folder`, created if absent, and the manifest of all files there.

        `beside` gives the manifest's SHA-256 of each folder that belongs to the model too.
        """
        self.scorer.save(folder)
        (folder / _CARD).write_text(self.card.to_json())
        self.deals[_columns(self.deals)].to_parquet(folder / _DEALS, index=False, compression="zstd")
        (folder / _GOLDEN).write_text(Golden.of(self).to_json())
        manifest.write(folder, beside)

    def replay(self, folder: Path) -> None:
        """Replay the golden rows kept in `folder`. Raises ModelError when an answer differs by more than rounding."""
        try:
            golden = Golden.from_json((folder / _GOLDEN).read_text())
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelError(f"the golden rows in {folder} cannot be read: {type(error).__name__}: {error}") from error
        golden.replay(self)

    @classmethod
    def load(
        cls, folder: Path, sha256: str | None = None, besides: Callable[[str], bool] = lambda _name: False
    ) -> "DealModel":
        """Read and verify what `save` wrote.

        `sha256` is the manifest's expected SHA-256, if known; `besides` says which other files may be in the folder.
        Raises ModelError when a file is absent, damaged or not in the manifest, or the features differ. A malicious
        file can crash the process: closecast.platform.mlflow.smoke_test loads a folder in another process first.
        """
        files = manifest.verified(folder, FILES, sha256, besides)
        scorer = Scorer.of(files)
        card = ModelCard.from_json(files[_CARD].decode(errors="replace"))
        try:
            deals = pd.read_parquet(BytesIO(files[_DEALS]))
            deals = deals[_columns(deals)]
            return cls(scorer, card, _coded(deals))
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise ModelError(f"{_DEALS} cannot be read: {type(error).__name__}: {error}") from error


def _columns(deals: pd.DataFrame) -> list[str]:
    return [*COLUMNS, *(name for name in BESIDES if name in deals)]


def _coded(deals: pd.DataFrame) -> pd.DataFrame:
    return deals.astype({name: "category" for name in _CODED if name in deals})
