"""What is watched: scored rows with their features, closed deals with their outcomes, and new deals."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.calendar import CALENDAR_YEAR, FiscalCalendar
from closecast.deals.snapshots import DEFAULT_HORIZONS
from closecast.features import FEATURES, NAMES
from closecast.features.history import ENTITIES
from closecast.monitoring.columns import bucketed
from closecast.monitoring.performance import entropy
from closecast.monitoring.profile import Profile
from closecast.monitoring.sketch import Chunk

SCORE = "score"
EXPECTED_LOSS = "expected_log_loss"  # of the score, if it is right (closecast.monitoring.performance.entropy)
SCORED = (*NAMES, SCORE, EXPECTED_LOSS)  # numbers of scored rows
CLOSED = ("cycle_days", "won")  # numbers of closed deals
_MAY_LACK = ("account",)  # of young deals: many CRMs ask for it later
# The date, the question and the age decide these: rows are compared with others of the same phase, horizon and age.
GIVEN = (
    "days_to_month_end",
    "days_to_quarter_end",
    "month_of_quarter",
    "horizon_days",
    "quarter_end_month_days_in_horizon",
    "deal_age_days",
    "age_over_longest_cycle_before_as_of",
)
HORIZONS = tuple(horizon for horizon in DEFAULT_HORIZONS if isinstance(horizon, int))
_AGE, _RELATIVE_AGE = NAMES.index("deal_age_days"), NAMES.index("age_over_longest_cycle_before_as_of")
_NO_HORIZON = (0,)  # of deals without a question
_EVE = np.timedelta64(1, "D")


def scored(
    matrix: NDArray[np.float64],
    scores: NDArray[np.float64],
    as_of: NDArray[np.datetime64],
    horizon_days: NDArray[np.int64],
    deal: NDArray[np.int64],
    names: Mapping[str, NDArray[np.object_]] | None = None,
) -> Chunk:
    """Scored rows: feature values, (n, len(NAMES)), and probabilities, (n,); columns SCORED."""
    return Chunk(
        as_of.astype("M8[D]"),
        horizon_days,
        deal,
        np.nan_to_num(matrix[:, _AGE], posinf=0, neginf=0).astype(np.int64),
        # A comparison with NaN is false: a deal of unknown age is live.
        ~(matrix[:, _RELATIVE_AGE] > 1),
        np.column_stack([matrix, scores, entropy(scores)]),
        names or {},
    )


def closed(deals: pd.DataFrame) -> Chunk:
    """The closed ones of accepted deals (closecast.deals.contract), one row each, seen on the day before; columns CLOSED."""
    ended = deals[deals["close_date"].notna()]
    closes = ended["close_date"].to_numpy(dtype="M8[D]")
    days = (closes - ended["engage_date"].to_numpy(dtype="M8[D]")).astype(np.int64)
    won = (ended["deal_stage"] == "Won").to_numpy(dtype=np.float64)
    eves: NDArray[np.datetime64] = closes - _EVE  # type: ignore[assignment]
    return _one_a_deal(ended, eves, np.column_stack([days.astype(np.float64), won]))


def engaged(deals: pd.DataFrame) -> Chunk:
    """The engaged ones of accepted deals, one row each, on the day of the engagement; no numbers."""
    begun = deals[deals["engage_date"].notna()]
    return _one_a_deal(begun, begun["engage_date"].to_numpy(dtype="M8[D]"), np.empty((len(begun), 0)))


def scored_profile(rows: Chunk, deals: pd.DataFrame, fiscal: FiscalCalendar = CALENDAR_YEAR) -> Profile:
    """The profile of scored training rows; `deals` are those of the model's history. Raises ProfileError without rows."""
    counts = {name: float(max(1, deals[name].nunique())) for name in ENTITIES}
    # The win rate of all deals is one value, and there are about as few stages as products.
    counts |= {"as_of": 1.0, "stage": counts["product"]}
    units = {feature.name: counts[feature.key] for feature in FEATURES if feature.key in counts}
    return Profile.of(rows, SCORED, GIVEN, HORIZONS, units, fiscal=fiscal)


def closed_profile(rows: Chunk, fiscal: FiscalCalendar = CALENDAR_YEAR) -> Profile:
    """The profile of closed deals. Raises ProfileError without rows."""
    return Profile.of(rows, CLOSED, horizons=_NO_HORIZON, fiscal=fiscal)


def engaged_profile(rows: Chunk, fiscal: FiscalCalendar = CALENDAR_YEAR) -> Profile:
    """The profile of new deals. Raises ProfileError without rows."""
    return Profile.of(rows, (), horizons=_NO_HORIZON, may_lack=_MAY_LACK, fiscal=fiscal)


def keys(identifiers: NDArray[np.object_]) -> NDArray[np.int64]:
    """A number for each identifier of a deal, (n,)."""
    return pd.util.hash_array(identifiers.astype(object)).astype(np.int64)


def _one_a_deal(deals: pd.DataFrame, days: NDArray[np.datetime64], numbers: NDArray[np.float64]) -> Chunk:
    return Chunk(
        days,
        np.zeros(len(deals), dtype=np.int64),
        keys(deals["opportunity_id"].to_numpy(dtype=object)),
        np.zeros(len(deals), dtype=np.int64),
        np.ones(len(deals), dtype=np.bool_),
        numbers,
        # Products are no persons; agents and accounts can be.
        {
            "product": deals["product"].to_numpy(dtype=object),
            "sales_agent": bucketed(deals["sales_agent"].to_numpy(dtype=object)),
            "account": bucketed(deals["account"].to_numpy(dtype=object)),
        },
    )
