"""The gate: the rule that promotes a candidate to champion, on rows that neither has seen.

The champion that serves was refitted on all its rows, so held-out rows are no longer news to it. What is compared is
therefore its evaluation twin: the booster stored with it that was fitted only on rows whose label window ended before
its own cut. Where that cut is not after the candidate's, the twin has seen none of the candidate's held-out rows. A
champion from another source has seen none of them either. closecast.models.replacement says who may replace whom at all.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closecast.models import blas, influence, metrics
from closecast.models.baselines import AGE_CALENDAR
from closecast.models.card import CHAMPION
from closecast.models.check import Check
from closecast.models.evaluation import CANDIDATE, MINIMUM_OF_EACH, MINIMUM_ROWS, HeldOut
from closecast.models.evidence import Export

MAX_ECE = 0.05
# No sound model comes near it: on real data the best known ROC AUC is 0.86, that of a table of the held-out
# period itself 0.87, and the made-up data's own probabilities stay below 0.9. Above this, something in the features leaks the outcome.
MAX_AUC = 0.95
MAX_MOVED = 0.005  # of the mean prediction, when account names are blanked at random
WORSE_SLICE = 0.03  # log loss above the reference's that is bad, if its interval is clear of zero
MAX_CLOSE_GAP = 0.1  # share of held-out rows whose windows go on without a close
MAX_ON_ONE_DATE = 2 / 3  # share of the rows won whose deals closed on one date
MINIMUM_DATES = 4  # as-of dates
# Deals won among the held-out ones. An interval by bootstrap over fewer is too narrow, and small exports are tried often.
MINIMUM_WON = 50
MAX_LATENCY_MS = 5.0  # median of one row through LightGBM's ordinary call
MAX_BYTES = 50_000_000


@dataclass(frozen=True)
class Cost:
    """The cost of a model: median milliseconds for one row, and the size of its files in bytes."""

    latency_ms: float
    size_bytes: int


@dataclass(frozen=True)
class Decision:
    """Whether the candidate is promoted, and every check behind it."""

    promoted: bool
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The deciding sentences: of the failed checks, else of the comparisons that were won."""
        failed = tuple(check.sentence for check in self.checks if not check.passed)
        won = tuple(
            check.sentence for check in self.checks if check.name.startswith(("log loss", "champion", "vacant"))
        )
        return failed or won

    def as_dict(self) -> dict[str, Any]:
        return {"promoted": self.promoted, "checks": [asdict(check) for check in self.checks]}


@blas.one_thread()
def decide_on_baseline(
    found: tuple[HeldOut, ...], is_vacant: bool, extra: tuple[Check, ...] = (), export: Export | None = None
) -> Decision:
    """Decide whether a baseline serves: it is honest, and it takes no model's place.

    `found` holds its predictions as CANDIDATE, and those of a champion that is a baseline too where they can be compared.
    An `export` without deals won, lost or open misleads it as it does a model; that names give deals away does not.
    """
    words = (
        "no model of these deals serves, whose place the baseline would take"
        if is_vacant
        else "a model of these deals serves, which stays"
    )
    checks = [*extra, Check("vacant", is_vacant, words)]
    if export is not None:
        checks = [*(one for one in _of_the_export(export, True) if one.name != "names"), *checks]
    for part in found:
        others = {"base_rate": "the base rate"}
        if CHAMPION in part.predictions:
            others[CHAMPION] = "the champion"
        checks += [_not_worse(part, other, words) for other, words in others.items()]
        checks.append(_calibrated(part, metrics.scores(part.won, part.predictions[CANDIDATE])["ece"]))
    return Decision(all(check.passed for check in checks), tuple(checks))


@blas.one_thread()
def decide(
    found: tuple[HeldOut, ...],
    cost: Cost,
    champion: str | None,
    extra: tuple[Check, ...] = (),
    export: Export | None = None,
    outcomes_follow: bool = False,
) -> Decision:
    """Decide on a promotion: every check must pass at every target.

    Where `outcomes_follow`, the candidate is to be compared with the champion by outcomes before it serves. Then it need not be
    clearly better than the champion and the age-and-calendar model here, only not clearly worse than the champion, nor better
    calibrated than that one: what has changed since the cut its twin cannot know.

    `found` holds predictions of CANDIDATE, of the baselines and, where the champion was measured, of CHAMPION; else
    `champion` says why it was not. Shortcomings of the `export` itself come first: they cause the other failures.
    """
    checks = list(extra)
    for part in found:
        checks += _measurable_at_all(part)
    for part in found:
        baselines = {"base_rate": "the base rate"}
        if not outcomes_follow:
            baselines[AGE_CALENDAR] = "the age-and-calendar model"
        if CHAMPION in part.predictions and outcomes_follow:
            checks.append(_not_worse(part, CHAMPION, "the champion"))
        elif CHAMPION in part.predictions:
            baselines[CHAMPION] = "the champion"
        better = {baseline: _better(part, baseline, words) for baseline, words in baselines.items()}
        checks += better.values()
        checks.append(
            _not_by_few(part, {baseline: baselines[baseline] for baseline, check in better.items() if check.passed})
        )
        measured, limit = metrics.scores(part.won, part.predictions[CANDIDATE]), MAX_ECE
        if CHAMPION in part.predictions and outcomes_follow:
            limit = max(limit, metrics.scores(part.won, part.predictions[CHAMPION])["ece"])
        checks += [
            _calibrated(part, measured["ece"], limit),
            _believable(part, measured["auc"]),
            _neutral(part),
            *_slices(part),
        ]
    checks.append(
        Check(
            "latency",
            cost.latency_ms <= MAX_LATENCY_MS,
            f"one prediction takes {cost.latency_ms:.2f} ms, allowed are {MAX_LATENCY_MS:.0f} ms",
        )
    )
    checks.append(
        Check(
            "size",
            cost.size_bytes <= MAX_BYTES,
            f"the model has {cost.size_bytes / 1e6:.1f} MB, allowed are {MAX_BYTES / 1e6:.0f} MB",
        )
    )
    if champion is not None:
        checks.append(Check("champion", True, f"not compared with a champion: {champion}"))
    if export is not None:
        checks = [*_of_the_export(export, all(check.passed for check in checks)), *checks]
    return Decision(all(check.passed for check in checks), tuple(checks))


def _of_the_export(export: Export, convincing: bool) -> list[Check]:
    shortfalls = export.shortfalls()
    holds = {
        "won deals": f"{export.won:,} deals are Won",
        "lost deals": f"{export.lost:,} deals are Lost",
        "open deals": f"{export.open_at_end:,} deals are open at the end of the data, {export.end}",
        "names": "no agent or product has many of the wins and hardly any other deal",
        "time": f"the export runs {export.days} days from its first close on {export.first} to its end on {export.end}",
    }
    if convincing and "time" in shortfalls:
        # A short export alone does not fail: clear evidence counts all the same.
        shortfalls.pop("time")
    return [Check(name, name not in shortfalls, shortfalls.get(name, words)) for name, words in holds.items()]


def _measurable_at_all(part: HeldOut) -> list[Check]:
    """Check that enough held-out deals were won, had time to close, closed on several dates, and have several as-of dates."""
    count = len(np.unique(part.deal[part.won == 1]))
    enough = count >= MINIMUM_WON
    words = "" if enough else f", needed are {MINIMUM_WON}: fewer do not show that a model is better"
    sentence = f"{part.target}: {count:,} of the held-out deals were won{words}"
    close_gap, checks = part.close_gap, [Check(f"deals won, {part.target}", enough, sentence)]
    passed = close_gap.share <= MAX_CLOSE_GAP
    words = (
        f"{close_gap.share:.0%} of the held-out rows had no time to close"
        if passed
        else f"{close_gap.share:.0%} of the held-out rows had no time to close, allowed are {MAX_CLOSE_GAP:.0%}: no deal closes "
        f"between {close_gap.since} and {close_gap.until}; correct the dates after that, or name the export's date as as_of"
    )
    checks.append(Check(f"time to close, {part.target}", passed, f"{part.target}: {words}"))
    if influence.CLOSING_DATE in part.groups:
        name, share = influence.most_common(part.groups[influence.CLOSING_DATE])
        passed = share <= MAX_ON_ONE_DATE
        words = "" if passed else f", allowed are {MAX_ON_ONE_DATE:.0%}: one day is no evidence for others"
        checks.append(
            Check(
                f"closing dates, {part.target}",
                passed,
                f"{part.target}: {share:.0%} of the held-out rows won are of deals that closed on one date, {name}{words}",
            )
        )
    if influence.AS_OF_DATE in part.groups:
        count = len(part.groups[influence.AS_OF_DATE].names)
        passed = count >= MINIMUM_DATES
        words = "" if passed else f", needed are {MINIMUM_DATES}: name an earlier cut, or export a longer time"
        checks.append(
            Check(
                f"as-of dates, {part.target}",
                passed,
                f"{part.target}: the held-out rows are of {count} as-of dates{words}",
            )
        )
    return checks


def _not_by_few(part: HeldOut, won: dict[str, str]) -> Check:
    """Check that the comparisons in `won` hold without a few deals, any one agent and any one as-of date."""
    mine = metrics.losses(part.won, part.predictions[CANDIDATE])
    name = f"few rows, {part.target}"
    kept = []
    for baseline, words in won.items():
        left = influence.worst_without(
            mine - metrics.losses(part.won, part.predictions[baseline]), part.deal, part.groups
        )
        if not left.difference < 0:
            return Check(
                name,
                False,
                f"{part.target}: without {left.what} the log loss is not below {words}'s "
                f"(difference {left.difference:+.4f}): too few rows decide",
            )
        kept.append(f"{left.difference:+.4f} to {words}'s without {left.what}")
    words = f"no {influence.LEFT_OUT_DEALS} deals, agent or as-of date decide: the difference stays {', '.join(kept)}"
    return Check(name, True, f"{part.target}: {words if kept else 'no comparison was won that few rows could decide'}")


def _better(part: HeldOut, baseline: str, words: str) -> Check:
    difference = part.against(baseline)
    mine = float(metrics.losses(part.won, part.predictions[CANDIDATE]).mean())
    passed = difference.high < 0
    verdict = "below" if passed else "not clearly below"
    return Check(
        f"log loss against {baseline}, {part.target}",
        passed,
        f"{part.target}: held-out log loss {mine:.4f} is {verdict} {words}'s {mine - difference.value:.4f} "
        f"(difference {difference.value:+.4f}, 95 % interval {difference.low:+.4f} to {difference.high:+.4f})",
    )


def _not_worse(part: HeldOut, other: str, words: str) -> Check:
    difference = part.against(other)
    mine = float(metrics.losses(part.won, part.predictions[CANDIDATE]).mean())
    passed = difference.low <= 0
    verdict = "not clearly above" if passed else "clearly above"
    return Check(
        f"log loss beside {other}, {part.target}",
        passed,
        f"{part.target}: held-out log loss {mine:.4f} is {verdict} {words}'s {mine - difference.value:.4f} "
        f"(difference {difference.value:+.4f}, 95 % interval {difference.low:+.4f} to {difference.high:+.4f})",
    )


def _calibrated(part: HeldOut, error: float, limit: float = MAX_ECE) -> Check:
    passed = error <= limit
    return Check(
        f"calibration, {part.target}",
        passed,
        f"{part.target}: expected calibration error {error:.3f} is {'within' if passed else 'above'} {limit:.3g}",
    )


def _believable(part: HeldOut, auc: float) -> Check:
    passed = auc <= MAX_AUC
    words = (
        "is believable"
        if passed
        else f"is above {MAX_AUC}, too good to be true: look for a feature that knows the outcome"
    )
    return Check(f"believable, {part.target}", passed, f"{part.target}: ROC AUC {auc:.3f} {words}")


def _neutral(part: HeldOut) -> Check:
    passed = abs(part.blanking_shift) <= MAX_MOVED
    words = "says nothing" if passed else f"says too much (allowed are {MAX_MOVED}): its absence tells the future"
    return Check(
        f"missing accounts, {part.target}",
        passed,
        f"{part.target}: blanking account names moves the mean prediction by {part.blanking_shift:+.4f}; a missing account {words}",
    )


def _slices(part: HeldOut) -> list[Check]:
    reference = CHAMPION if CHAMPION in part.predictions else AGE_CALENDAR
    worst: list[str] = []
    for kind, named in part.slices.items():
        for name, rows in named.items():
            if not _measurable(part.won[rows]):
                continue
            won, ours, theirs = part.won[rows], part.predictions[CANDIDATE][rows], part.predictions[reference][rows]
            if (metrics.losses(won, ours) - metrics.losses(won, theirs)).mean() <= WORSE_SLICE:
                continue  # whatever its interval
            difference = metrics.paired_difference(won, ours, theirs, part.deal[rows], 400)
            if difference.low > 0:
                worst.append(f"{kind} {name} ({difference.value:+.3f})")
    passed = not worst
    words = "no slice is" if passed else f"these are: {', '.join(worst)};"
    return [
        Check(
            f"slices, {part.target}",
            passed,
            f"{part.target}: {words} worse than the {reference.replace('_', '-and-')} model by more than {WORSE_SLICE}",
        )
    ]


def _measurable(won: NDArray[np.int8]) -> bool:
    return len(won) >= MINIMUM_ROWS and MINIMUM_OF_EACH <= int(won.sum()) <= len(won) - MINIMUM_OF_EACH
