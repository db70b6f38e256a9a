"""The model card: facts about a model, kept as JSON beside it."""

import json
from dataclasses import asdict, dataclass, fields
from datetime import date
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from closecast.deals.calendar import FiscalCalendar
from closecast.features.history import ENTITIES
from closecast.models.manifest import ModelError

Kind = Literal["model", "baseline"]
MODEL: Kind = "model"
BASELINE: Kind = "baseline"  # serves where the gate refused a model: from age and calendar alone
CHAMPION = "champion"  # the model that serves: its alias in the registry, and its name in evaluations


def unknown_entities(deals: pd.DataFrame) -> tuple[str, ...]:
    """Which of the columns ENTITIES have one name, or none, for all `deals`: their features are constant."""
    return tuple(name for name in ENTITIES if deals[name].nunique() < 2)


@dataclass(frozen=True)
class ModelCard:
    """Facts about a model that are known without running it; kept as JSON beside the booster."""

    trained_at: str  # ISO 8601, UTC
    source: str  # "synthetic", "file:sales.csv"
    source_sha256: str
    data_as_of: str  # ISO date: the last date in the export
    deals_key: str  # the silver Parquet in the lake's bucket
    feature_names: tuple[str, ...]
    horizons: tuple[int | str, ...]
    cut: str  # ISO date: held-out as-of dates start here
    metrics: dict[str, float]  # held out, of the booster fitted before the cut
    reference_metrics: dict[str, float]  # of the baselines on the same rows
    rows: dict[str, int]  # "accepted", "rejected", "fit" (evaluation), "refit" (the booster served)
    hyperparameters: dict[str, float]
    rounds: int
    calibration: dict[str, float]
    seed: int
    quality: float | None = None  # score of the export, 0..1
    git_commit: str | None = None
    fiscal_year_start: int = (
        1  # first month of the fiscal year of the model's quarters; older cards lack it and mean January
    )
    kind: Kind = MODEL  # older cards lack it and the next three
    mapping: str | None = None  # mapping file by which deals in the CRM's own columns are read
    unknown: tuple[str, ...] = ()  # of agent, product and account, those of which the export says nothing
    currency: str | None = None  # of amounts, by its code; older cards lack it
    pseudonymised: tuple[str, ...] = ()  # columns of the deals that hold pseudonyms
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
        """The fiscal calendar that the model learnt; a "quarter_end" horizon refers to it."""
        return FiscalCalendar(self.fiscal_year_start)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """Read a card. Raises ModelError naming the fields that are missing or unknown."""
        try:
            content: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"the model's card is not JSON: {error}") from error
        if not isinstance(content, dict):
            raise ModelError(f"the model's card is a JSON {type(content).__name__}; expected an object")
        known = {field.name for field in fields(cls)}
        content = {
            "fiscal_year_start": 1,
            "kind": MODEL,
            "mapping": None,
            "currency": None,
            "unknown": [],
            "pseudonymised": [],
            **content,
        }
        if difference := sorted(known ^ content.keys()):
            raise ModelError(f"the model's card and this version disagree about {', '.join(difference)}: train anew")
        try:
            for name in ("feature_names", "horizons", "unknown", "pseudonymised"):
                content[name] = tuple(content[name])
            date.fromisoformat(content["data_as_of"])
        except (TypeError, ValueError) as error:
            raise ModelError(f"the model's card cannot be read: {error}") from error
        if content["kind"] not in (MODEL, BASELINE):
            raise ModelError(f"the model's card holds an unknown kind: {content['kind']!r}")
        try:
            FiscalCalendar(content["fiscal_year_start"])
        except (TypeError, ValueError) as error:
            raise ModelError(f"the model's card holds an impossible fiscal_year_start: {error}") from error
        return cls(**content)
