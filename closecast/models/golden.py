"""Golden rows: deals of a model's own history with its predictions at training time, replayed before it serves."""

import json
from dataclasses import dataclass
from datetime import date
from math import isclose
from typing import Any, Protocol

import numpy as np
import pandas as pd

from closecast.deals.horizon import QUARTER_END, Horizon, horizon_days
from closecast.features import FeatureBuilder
from closecast.features.build import UNKNOWN_STAGES
from closecast.features.history import MISSING_ACCOUNT, uniform_draw
from closecast.models.card import ModelCard
from closecast.models.manifest import ModelError
from closecast.models.scorer import Scorer
from closecast.models.single import SingleScorer

# Relative. Processors, libraries and versions of Closecast round the last digits of a double (1e-16) differently, and
# sums add up what they round. Other arithmetic differs by far more.
_ROUNDING = 1e-9
_DEALS = 24
_HORIZONS: tuple[Horizon, ...] = (1, 30, 90, QUARTER_END)


def equal_but_for_rounding(one: float, other: float) -> bool:
    """Whether both differ by what processors and versions round differently, or not at all."""
    return isclose(one, other, rel_tol=_ROUNDING)


class Model(Protocol):
    """The parts of a DealModel that golden rows need."""

    @property
    def card(self) -> ModelCard: ...

    @property
    def deals(self) -> pd.DataFrame: ...

    @property
    def builder(self) -> FeatureBuilder: ...

    @property
    def scorer(self) -> Scorer: ...

    @property
    def single(self) -> SingleScorer: ...


@dataclass(frozen=True)
class GoldenRow:
    """One deal and horizon: the deal's position in the model's deals, its features and its probability."""

    deal: int
    horizon_days: int
    features: tuple[float, ...]
    probability: float


@dataclass(frozen=True)
class Golden:
    """A model's predictions as of the last date of its data, computed as in training and batch scoring."""

    as_of: date
    rows: tuple[GoldenRow, ...]

    @classmethod
    def of(cls, model: Model) -> "Golden":
        """Predict up to 24 deals across the model's history, at least one without an account if there is one, at four horizons."""
        as_of = date.fromisoformat(model.card.data_as_of)
        positions = _chosen(model.deals, as_of)
        horizons = [horizon_days(as_of, horizon, model.card.fiscal) for horizon in _HORIZONS]
        deal = np.repeat(np.arange(len(positions)), len(horizons))
        asked = np.tile(np.array(horizons, dtype=np.int64), len(positions))
        encoded = model.builder.history.encode(model.deals.iloc[positions])
        matrix = model.builder.matrix(encoded, deal, np.full(len(deal), np.datetime64(as_of, "D")), asked)
        answers = model.scorer.predict(matrix)
        return cls(
            as_of,
            tuple(
                GoldenRow(int(positions[at]), int(days), tuple(values.tolist()), float(answer))
                for at, days, values, answer in zip(deal, asked, matrix, answers, strict=True)
            ),
        )

    def replay(self, model: Model) -> None:
        """Predict again, one deal at a time as a service does.

        Raises ModelError at the first feature or probability that differs by more than rounding.
        """
        tables, history = model.builder.tables(self.as_of), model.builder.history
        for row in self.rows:
            if not 0 <= row.deal < len(model.deals):
                raise ModelError(f"a golden row refers to deal {row.deal}, but the model has {len(model.deals)} deals")
            deal = model.deals.iloc[row.deal]
            account = None if pd.isna(deal["account"]) else str(deal["account"])
            codes = [
                history.code(*pair)[0]
                for pair in (("sales_agent", deal["sales_agent"]), ("product", deal["product"]), ("account", account))
            ]
            age = (self.as_of - deal["engage_date"].date()).days
            draw = uniform_draw(deal["opportunity_id"]) if codes[2] == MISSING_ACCOUNT else 0.0
            horizon_tables = tables.horizon_tables((row.horizon_days,))
            stages = UNKNOWN_STAGES
            if history.stages is not None and (at := history.stages.position(deal["opportunity_id"])) >= 0:
                stages = tables.stages(history.stages.histories, np.array([at])).tobytes()
            answers, values = model.single.score(
                tables, age, horizon_tables, codes[0], codes[1], codes[2], draw, stages
            )
            for name, found, expected in (
                *zip(model.card.feature_names, np.frombuffer(values).tolist(), row.features, strict=True),
                ("the probability", answers[0], row.probability),
            ):
                if not equal_but_for_rounding(found, expected):
                    raise ModelError(
                        f"golden row {deal['opportunity_id']} at {row.horizon_days} days: {name} is {found!r} here and was "
                        f"{expected!r} when the model was made; this version of Closecast or of a library computes "
                        "differently, or the model is damaged"
                    )

    def to_json(self) -> str:
        rows = [[row.deal, row.horizon_days, list(row.features), row.probability] for row in self.rows]
        return json.dumps({"as_of": self.as_of.isoformat(), "rows": rows})

    @classmethod
    def from_json(cls, text: str) -> "Golden":
        """Read what `to_json` wrote, floats bit for bit. Raises ValueError, KeyError or TypeError for anything else."""
        content: dict[str, Any] = json.loads(text)
        rows = (GoldenRow(deal, days, tuple(values), answer) for deal, days, values, answer in content["rows"])
        return cls(date.fromisoformat(content["as_of"]), tuple(rows))


def _chosen(deals: pd.DataFrame, as_of: date) -> list[int]:
    known = np.flatnonzero((deals["engage_date"] <= pd.Timestamp(as_of)).to_numpy())
    unnamed = known[deals["account"].isna().to_numpy()[known]][:1]
    spread = known[np.linspace(0, len(known) - 1, min(_DEALS, len(known))).astype(np.int64)]
    return sorted({*spread.tolist(), *unnamed.tolist()})
