"""Evaluate a model on later as-of dates than it learnt from: against baselines, by slice, and as a revenue forecast."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closecast.deals.horizon import QUARTER_END, Horizon
from closecast.deals.snapshots import DEFAULT_HORIZONS, Snapshots
from closecast.features import NAMES, EncodedDeals
from closecast.models import influence, metrics
from closecast.models.baselines import BASELINES, RowSet
from closecast.models.data import Data, NotEnoughDataError
from closecast.models.evidence import Export, odd_dates

TARGETS: dict[str, Horizon] = {"30_days": 30, "quarter_end": QUARTER_END}
MINIMUM_ROWS = 200
MINIMUM_OF_EACH = 20  # rows won, and rows not won: fewer are no evidence
# For each target, in training and in test. Beyond it, deals are sampled systematically: by then the intervals are far
# narrower than any difference that matters, and memory stays bounded.
MAX_ROWS = 1_000_000
CANDIDATE = "candidate"
BLANKED = 0.3  # share of deals that lose their account name, to test whether a missing name leaks the outcome
_AGES = ((0, 7), (8, 14), (15, 30), (31, 60), (61, 90), (91, 138), (139, 100_000))

Probabilities = NDArray[np.float64]
Predict = Callable[[NDArray[np.float64]], Probabilities]


@dataclass(frozen=True)
class Split:
    """One target: rows whose label was known before the cut, and rows with as-of dates from the cut on."""

    target: str
    train: RowSet
    test: RowSet


@dataclass(frozen=True)
class HeldOut:
    """One target's held-out rows, the predictions of each model, and the slices of the rows."""

    target: str
    won: NDArray[np.int8]
    deal: NDArray[np.int64]  # equal for closed deals that differ only in their identifier
    live: NDArray[np.bool_]  # no older than any cycle closed before
    predictions: dict[str, Probabilities]  # by baseline, and CANDIDATE
    slices: dict[str, dict[str, NDArray[np.bool_]]]  # by kind, then by name
    blanking_shift: float  # change of the candidate's mean prediction when account names are blanked at random
    groups: dict[str, influence.Group] = field(default_factory=dict)  # by kind: influence.groups
    close_gap: influence.CloseGap = field(default_factory=influence.CloseGap)
    _against: dict[str, metrics.Measured] = field(default_factory=dict, init=False, repr=False, compare=False)

    def against(self, name: str) -> metrics.Measured:
        """Log loss of CANDIDATE minus that of `name`. All differences are computed on the first call."""
        if name not in self._against:
            others = {one: predicted for one, predicted in self.predictions.items() if one != CANDIDATE}
            self._against.update(metrics.paired_differences(self.won, self.predictions[CANDIDATE], others, self.deal))
        return self._against[name]


def splits(data: Data) -> tuple[Split, ...]:
    """One split per target, of MAX_ROWS at most. Raises NotEnoughDataError naming counts that are too small."""
    plan = data.plan
    pairs = []
    for target, horizon in TARGETS.items():
        train = data.rows((horizon,), known_before=plan.cut, most=MAX_ROWS)
        pairs.append((target, train, data.rows((horizon,), seen_from=plan.cut, most=MAX_ROWS)))
    short = [
        f"{target} {part}: {len(rows)} rows, {int(rows.won.sum())} won"
        for target, train, test in pairs
        for part, rows in (("train", train), ("test", test))
        if len(rows) < MINIMUM_ROWS or not MINIMUM_OF_EACH <= int(rows.won.sum()) <= len(rows) - MINIMUM_OF_EACH
    ]
    if short:
        counts = (
            f"not enough data to learn from and be measured on, with {len(data.deals)} deals from {plan.first} to "
            f"{plan.end} cut at {plan.cut}: {'; '.join(short)}; each needs {MINIMUM_ROWS} rows or more, "
            f"{MINIMUM_OF_EACH} or more of them won and {MINIMUM_OF_EACH} or more not"
        )
        raise NotEnoughDataError("; ".join([*Export.of(data).shortfalls().values(), *odd_dates(data), counts]))
    return tuple(Split(target, RowSet(train, data.matrix), RowSet(test, data.matrix)) for target, train, test in pairs)


def held_out(data: Data, made: tuple[Split, ...], candidate: Predict, seed: int, threads: int) -> tuple[HeldOut, ...]:
    """Evaluate every baseline, fitted on each split's training rows, and the candidate on its test rows."""
    found = []
    gone = np.random.default_rng(seed).random(len(data.deals)) < BLANKED
    blanked = data.builder.history.encode(data.deals.assign(account=data.deals["account"].mask(gone)))
    same = influence.same_deal(data.deals)
    for split in made:
        predictions = _of_baselines(split, seed, threads)
        predictions[CANDIDATE] = candidate(split.test.matrix)
        rows = split.test.rows
        moved = _moved(data, rows, blanked, np.flatnonzero(gone[rows.deal]), predictions[CANDIDATE], candidate)
        found.append(
            HeldOut(
                split.target,
                rows.won,
                same[rows.deal],
                _column(split.test.matrix, "age_over_longest_cycle_before_as_of") <= 1,
                predictions,
                _slices(data, split.test),
                moved,
                influence.groups(data, rows),
                influence.close_gap(data, split.train.rows, rows),
            )
        )
    return tuple(found)


def _moved(
    data: Data,
    rows: Snapshots,
    blanked: EncodedDeals,
    which: NDArray[np.int64],
    predicted: Probabilities,
    candidate: Predict,
) -> float:
    """Change of the mean prediction when the rows `which` are taken from the deals `blanked`."""
    without = predicted.copy()
    matrix = data.builder.matrix(blanked, rows.deal[which], rows.as_of[which], rows.horizon_days[which])
    without[which] = candidate(matrix)
    return float(without.mean() - predicted.mean())


def _of_baselines(split: Split, seed: int, threads: int) -> dict[str, Probabilities]:
    """Predictions of each baseline for the test rows.

    Baselines run in parallel, each on one thread: threads of one fit would wait for each other.
    """
    parts = split.train, split.test
    for part in parts:
        part.matrix  # noqa: B018 - made once, before several threads ask for it
    with ThreadPoolExecutor(threads) as pool:
        return dict(
            zip(BASELINES, pool.map(lambda baseline: baseline(*parts, seed, 1), BASELINES.values()), strict=True)
        )


def _column(matrix: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    return np.asarray(matrix[:, NAMES.index(name)])


def _slices(data: Data, part: RowSet) -> dict[str, dict[str, NDArray[np.bool_]]]:
    rows, matrix = part.rows, part.matrix
    month, age = _column(matrix, "month_of_quarter"), _column(matrix, "deal_age_days")
    products = data.deals["product"].to_numpy(dtype=object)[rows.deal]
    agents = data.deals["sales_agent"].to_numpy(dtype=object)
    names, counts = np.unique(agents.astype(str), return_counts=True)
    busy = set(names[counts >= np.median(counts)])
    many = np.array([agent in busy for agent in agents])[rows.deal]
    return {
        "phase of the quarter": {f"month {one}": month == one for one in (1, 2, 3)},
        "product": {str(one): products == one for one in sorted(set(products))},
        "deal age": {
            f"{low} to {high} days" if high < 100_000 else f"{low} days and more": (age >= low) & (age <= high)
            for low, high in _AGES
        },
        "agent": {"many deals": many, "few deals": ~many},
        "open deals": {"live": _column(matrix, "age_over_longest_cycle_before_as_of") <= 1},
    }


def flat(found: tuple[HeldOut, ...], baseline: str) -> dict[str, float]:
    """`<measure>_<target>` and `mean_prediction_<target>` of one model on all held-out rows, for MLflow and the card."""
    values: dict[str, float] = {}
    for part in found:
        predicted = part.predictions[baseline]
        measured = metrics.scores(part.won, predicted)
        values |= {f"{name}_{part.target}": value for name, value in measured.items() if np.isfinite(value)}
        values[f"mean_prediction_{part.target}"] = float(predicted.mean())
    return values


def report(data: Data, made: tuple[Split, ...], found: tuple[HeldOut, ...], candidate: Predict) -> dict[str, Any]:
    """All figures as plain data: models with intervals on all and on live deals, slices, reliability, forecast."""
    return {
        "plan": {"first": str(data.plan.first), "cut": str(data.plan.cut), "end": str(data.plan.end)},
        "targets": {part.target: _target(part, split) for part, split in zip(found, made, strict=True)},
        "horizons": _by_horizon(data, found, candidate),
        "forecast": forecast(data, made, found),
    }


def _target(part: HeldOut, split: Split) -> dict[str, Any]:
    baselines = {}
    for population, kept in (("all", np.ones(len(part.won), dtype=bool)), ("live", part.live)):
        baselines[population] = {
            "rows": int(kept.sum()),
            "share_won": float(part.won[kept].mean()) if kept.any() else float("nan"),
            "rungs": _baselines(part, kept) if kept.any() else {},
        }
    ours = part.predictions[CANDIDATE]
    return {
        "rows_train": len(split.train.rows),
        "rows_test": len(split.test.rows),
        "deals_test": split.test.rows.deals(),
        "deals_test_in_all": split.test.rows.deals_in_all,
        "share_won_train": float(split.train.rows.won.mean()),
        "share_won_test": float(split.test.rows.won.mean()),
        "ladder": baselines,
        "log_loss_against": {name: part.against(name).as_dict() for name in part.predictions if name != CANDIDATE},
        "moved_by_blanked_accounts": part.blanking_shift,
        "reliability": metrics.reliability(part.won, ours),
        "gain": metrics.gain(part.won, ours),
        "slices": {
            kind: {name: _slice(part, ours, rows) for name, rows in named.items()}
            for kind, named in part.slices.items()
        },
    }


def _baselines(part: HeldOut, kept: NDArray[np.bool_]) -> dict[str, dict[str, dict[str, float]]]:
    """The measures of each baseline on the rows `kept`, with their intervals."""
    predictions = {name: predicted[kept] for name, predicted in part.predictions.items()}
    found = metrics.all_with_intervals(part.won[kept], predictions, part.deal[kept])
    return {
        name: {measure: measured.as_dict() for measure, measured in measures.items()}
        for name, measures in found.items()
    }


def measured_on(found: dict[str, Any]) -> str | None:
    """A sentence on how many deals were sampled for one target of `report`; None when all are in it."""
    measured, every = found["deals_test"], found["deals_test_in_all"]
    return None if measured == every else f"measured on {measured:,} of {every:,} deals, drawn evenly"


def _slice(part: HeldOut, ours: Probabilities, rows: NDArray[np.bool_]) -> dict[str, float]:
    if not rows.any():
        return {"rows": 0}
    measured = metrics.scores(part.won[rows], ours[rows])
    kept = {name: value for name, value in measured.items() if np.isfinite(value)}
    return {
        "rows": int(rows.sum()),
        "share_won": float(part.won[rows].mean()),
        "mean_prediction": float(ours[rows].mean()),
        **kept,
    }


def _by_horizon(data: Data, found: tuple[HeldOut, ...], candidate: Predict) -> dict[str, dict[str, float]]:
    known = {TARGETS[part.target]: (part.won, part.predictions[CANDIDATE]) for part in found}
    measured = {}
    for horizon in DEFAULT_HORIZONS:
        if horizon not in known:
            rows = data.rows((horizon,), seen_from=data.plan.cut, most=MAX_ROWS)
            known[horizon] = rows.won, candidate(data.matrix(rows)) if len(rows) else np.empty(0)
        won, predicted = known[horizon]
        if len(won) >= MINIMUM_ROWS and 0 < won.sum() < len(won):
            values = metrics.scores(won, predicted)
            measured[str(horizon)] = {"rows": len(won), "share_won": float(won.mean()), **values}
    return measured


def forecast(data: Data, made: tuple[Split, ...], found: tuple[HeldOut, ...]) -> list[dict[str, Any]]:
    """Revenue won by the quarter's end from the deals open at each as-of date: expected and actual.

    Expected revenue is the sum of probability times the product's price before the as-of date, in the currency of
    close_value. Where deals were drawn (MAX_ROWS), all sums are those of the deals drawn.
    """
    at = list(TARGETS).index("quarter_end")
    rows, matrix, part = made[at].test.rows, made[at].test.matrix, found[at]
    price = _column(matrix, "product_price_before_as_of")
    value = np.nan_to_num(data.deals["close_value"].to_numpy(dtype=np.float64))
    actual = np.where(rows.won == 1, value[rows.deal], 0.0)
    table = []
    for day in np.unique(rows.as_of):
        kept = rows.as_of == day
        table.append(
            {
                "as_of": str(day),
                "open_deals": int(kept.sum()),
                "won": float(actual[kept].sum()),
                **{
                    f"expected_{name}": float((predicted[kept] * price[kept]).sum())
                    for name, predicted in part.predictions.items()
                },
            }
        )
    return table
