"""Hyperparameters of the booster, with the ranges that a search samples from."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from closecast.features import FEATURES, MONOTONE

# Never searched: they make a run reproducible and its predictions consistent. No class weights: they would distort
# the probabilities.
_FIXED: dict[str, object] = {
    "objective": "binary",
    "deterministic": True,
    "force_row_wise": True,
    "feature_pre_filter": False,  # rows are binned once for all settings, whatever their min_data_in_leaf
    "verbose": -1,
}
MAX_ROUNDS = 300


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of the booster.

    The weights scale the gain of splits on features of the deal's own clock (its age, the horizon), by as-of date, and
    by agent, product, account or stage: the lower, the more such a split must earn; at 0 there is none. `recalibration` says
    how far the start goes from the life table's own chances, at 0, to those that fit the training rows best, at 1
    (closecast.models.start).
    """

    learning_rate: float = 0.03
    num_leaves: int = 7
    min_data_in_leaf: int = 1_000
    lambda_l2: float = 0.1
    feature_fraction: float = 0.5
    clock_weight: float = 1.0
    calendar_weight: float = 0.1
    entity_weight: float = 0.1
    recalibration: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError naming a value outside of RANGES."""
        for name, (low, high) in RANGES.items():
            is_off = name.endswith("_weight") and getattr(self, name) == 0
            if not is_off and not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {low} to {high}")

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Hyperparameters":
        """Make hyperparameters from a dictionary. Raises ValueError for an unknown name."""
        if unknown := sorted(values.keys() - {field.name for field in fields(cls)}):
            raise ValueError(f"unknown hyperparameters {', '.join(unknown)}; known are {', '.join(RANGES)}")
        return cls(**values)

    def as_dict(self) -> dict[str, float]:
        return asdict(self)

    def lightgbm(self, rows: int, seed: int, threads: int) -> dict[str, Any]:
        """LightGBM's parameters for a training set of `rows` rows; a small one cannot fill large leaves."""
        weights = {"as_of": self.calendar_weight, "age": self.clock_weight, "horizon": self.clock_weight}
        return {
            **_FIXED,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": max(20, min(self.min_data_in_leaf, rows // 50)),
            "lambda_l2": self.lambda_l2,
            "feature_fraction": self.feature_fraction,
            "feature_contri": [weights.get(feature.key, self.entity_weight) for feature in FEATURES],
            "monotone_constraints": list(MONOTONE),
            "seed": seed,
            "num_threads": threads,
        }


RANGES: dict[str, tuple[float, float]] = {
    "learning_rate": (0.01, 0.1),
    "num_leaves": (4, 63),
    "min_data_in_leaf": (100, 5_000),
    "lambda_l2": (0.001, 100.0),
    "feature_fraction": (0.3, 1.0),
    "clock_weight": (0.001, 1.0),
    "calendar_weight": (0.001, 1.0),
    "entity_weight": (0.001, 1.0),
    "recalibration": (0.0, 1.0),
}
# Tried without a search: the first one is used, unless another is better on later rows, fold by fold. The second one gives
# agent, product and account more weight, for exports in which they differ; the third one trusts the life table less, for
# exports whose past cycles say less about coming ones.
PRESETS = (
    Hyperparameters(),
    Hyperparameters(clock_weight=0.1, entity_weight=1.0),
    Hyperparameters(recalibration=1.0),
)
DATES_ONLY = (
    Hyperparameters(entity_weight=0.0),
    Hyperparameters(entity_weight=0.0, recalibration=1.0),
)  # of a baseline
