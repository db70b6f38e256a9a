"""A trained model: what predicts, the history its features are read from, its card, and the folder it is kept in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow as pa

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
_CODED = ("sales_agent", "product", "account", "deal_stage")  # few values, repeated: kept once each in memory


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

    def save(self, folder: Path, beside: Mapping[str, str] | None = None) -> None:
        """Write all of it into `folder`, made if absent, and the manifest of what is there then.

        `beside` gives the manifest's SHA-256 of each folder that belongs to the model too.
        """
        self.scorer.save(folder)
        (folder / _CARD).write_text(self.card.to_json())
        self.deals[list(COLUMNS)].to_parquet(folder / _DEALS, index=False, compression="zstd")
        (folder / _GOLDEN).write_text(Golden.of(self).to_json())
        manifest.write(folder, beside)

    def replay(self, folder: Path) -> None:
        """Ask again what was asked when the model was made, and kept in `folder`. Raises ModelError for another bit."""
        try:
            golden = Golden.from_json((folder / _GOLDEN).read_text())
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelError(f"the golden rows in {folder} cannot be read: {type(error).__name__}: {error}") from error
        golden.replay(self)

    @classmethod
    def load(
        cls, folder: Path, sha256: str | None = None, besides: Callable[[str], bool] = lambda _name: False
    ) -> "DealModel":
        """Read what `save` wrote, and nobody has changed since; `sha256` is its manifest's, where that is known, and `besides`
        tells of files that may be there beside it.

        Raises ModelError when a file is absent, damaged or not named, or the features are others. A file that was made to do so
        may end the process: closecast.platform.mlflow.smoke_test tries a folder in another one first.
        """
        files = manifest.verified(folder, FILES, sha256, besides)
        scorer = Scorer.of(files)
        card = ModelCard.from_json(files[_CARD].decode(errors="replace"))
        try:
            deals = pd.read_parquet(BytesIO(files[_DEALS]))[list(COLUMNS)]
            return cls(scorer, card, deals.astype(dict.fromkeys(_CODED, "category")))
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise ModelError(f"{_DEALS} cannot be read: {type(error).__name__}: {error}") from error
