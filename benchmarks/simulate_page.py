"""The page and the plot of benchmarks/simulate.py."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.proof import PERIODS, deadline
from benchmarks.simulate_platform import Look
from benchmarks.simulate_scores import LEAST_RECOVERED, Recovery, recovery
from benchmarks.simulate_world import DRIFT_WIN, HORIZON, LATE_SHARE, START, Span
from closecast.monitoring.performance import entropy
from closecast.monitoring.verdict import Verdict

PAGE = Path(__file__).resolve().parents[1] / "docs" / "simulation.md"
_MOST_PAGES = 2  # within a week


@dataclass(frozen=True)
class Result:
    """Everything that was seen of a simulated year.

    `table` is that of simulate_scores.scored, `versions` the models in it: the first one that served, others as they came.
    """

    span: Span
    table: pd.DataFrame
    versions: list[str]
    served: dict[date, str]  # the version that answered, by day
    looks: list[Look]
    pages: list[tuple[date, str, str]]  # day, rule, summary
    notes: list[tuple[date, str, str]]
    retrainings: list[dict[str, Any]]
    changes: list[tuple[str, str, str]]  # kind, version, evidence
    asked: int
    told: int
    late: int

    @property
    def old(self) -> str:
        """The version that served at the beginning."""
        return self.versions[0]

    @property
    def promoted(self) -> tuple[str, date] | None:
        """The first other version that answered, and the day from which it did."""
        return next(((version, day) for day, version in self.served.items() if version != self.old), None)

    @property
    def proved_on(self) -> date | None:
        """The day of the first look that proved harm."""
        return next((look.day for look in self.looks if look.verdict == Verdict.PROVED), None)

    @property
    def recovery(self) -> Recovery:
        """What was lost and recovered."""
        new, day = self.promoted or (None, None)
        return recovery(self.table, self.span, self.old, new, day)

    @property
    def most_pages(self) -> int:
        """The most pages within seven days."""
        days = [day for day, _, _ in self.pages]
        return max((sum(timedelta(0) <= other - day < timedelta(days=7) for other in days) for day in days), default=0)

    def criteria(self) -> list[tuple[str, str, bool]]:
        """Each criterion, what was measured, and whether it is met."""
        early = [day for day, _, _ in self.pages if day < self.span.drift]
        proved, until = self.proved_on, deadline(self.span.drift)
        done = [one for one in self.retrainings if one["state"] == "done"]
        share = self.recovery.share
        return [
            ("no page before the drift", f"{len(early)}", not early),
            (
                f"harm is proved within {PERIODS} monitoring periods, by {until}",
                "not proved" if proved is None else f"{proved}, {(proved - self.span.drift).days} days after the drift",
                proved is not None and self.span.drift <= proved <= until,
            ),
            (
                "one retraining",
                f"{len(self.retrainings)} asked for, {len(done)} done",
                len(self.retrainings) == len(done) == 1,
            ),
            (
                "promoted",
                "no" if self.promoted is None else "version {}, which answers from {} on".format(*self.promoted),
                self.promoted is not None,
            ),
            (
                f"at least {LEAST_RECOVERED:.0%} of the lost log loss is recovered",
                "nothing to measure" if np.isnan(share) else f"{share:.0%}",
                bool(share >= LEAST_RECOVERED),
            ),
            (f"at most {_MOST_PAGES} pages a week", f"{self.most_pages}", self.most_pages <= _MOST_PAGES),
        ]

    @property
    def is_met(self) -> bool:
        """Whether every criterion is met."""
        return all(met for _, _, met in self.criteria())


def page(result: Result, chosen: dict[str, Any], seconds: float) -> str:
    """The page as Markdown."""
    span, found = result.span, result.recovery
    lines = [
        "# A year in an hour",
        "",
        f"`just simulate months={chosen['months']} seed={chosen['seed']} every={chosen['every']}`, {datetime.now(UTC):%-d %B %Y}, "
        f"{seconds / 60:.0f} minutes from `just up` to `just down --purge`, on a platform of its own.",
        "",
        f"The deals are made up (`benchmarks/simulate_world.py`). A model trained on {START} serves until {span.end}. Each week the CRM's export "
        f"is written anew, and all deals that it shows as open are asked about in one batch: {result.asked:,} predictions within {HORIZON} days. "
        f"From {span.drift} on, the log-odds that a deal that closes is won are lower by {-DRIFT_WIN}. {LATE_SHARE:.0%} of the outcomes are "
        f"late: the CRM shows {result.late:,} deals as open for up to seven weeks after their close date, and {result.told:,} of them are posted to "
        "`/v1/outcomes` before. The clock is data: the flow `monitor` is given day and time, the API the date of each question.",
        "",
        "| criterion | measured | |",
        "|---|---|---|",
        *(f"| {name} | {measured} | {'met' if met else '**missed**'} |" for name, measured, met in result.criteria()),
        "",
        f"The periods are those of [proof.md](../benchmarks/proof.md): months in which predictions mature, of which the first is the one after the "
        f"drift began, since what is asked about {HORIZON} days is known {HORIZON} days later.",
        "",
        "## Log loss",
        "",
        "Each prediction is compared with the generator's true chance of the deal. Its excess is the log loss to be expected beyond that of the "
        "true chance, so no outcome and no luck is in it. Deals that had closed without the CRM's showing it are left out. Lost is what the "
        "former champion would lose more after the promotion than it lost before the drift; recovered is what the new one saves of that, on the "
        "same predictions. Both models are computed from the features that the journal recorded.",
        "",
        "| mean excess | |",
        "|---|---:|",
        f"| before the drift, as served | {_four(found.before)} |",
        f"| from the drift to the promotion, as served | {_four(found.harmed)} |",
        f"| from the promotion on, of the former champion | {_four(found.old)} |",
        f"| from the promotion on, of the new one, as served | {_four(found.new)} |",
        f"| recovered | {'' if np.isnan(found.share) else f'{found.share:.0%}'} |",
        "",
        "![Excess log loss by week](simulation.svg)",
        "",
        *_months(result),
        "",
        "## What happened",
        "",
        *_events(result),
        "",
        "## One year of many",
        "",
        "With other seeds not everything is met, and this year was chosen among others: [the simulated year with other "
        "seeds](simulation-seeds.md).",
    ]
    return "\n".join(lines) + "\n"


def write(text: str, result: Result) -> None:
    """Write the page and its plot."""
    PAGE.write_text(text)
    _draw(result, PAGE.with_suffix(".svg"))


def _months(result: Result) -> list[str]:
    """Lines of a table with one row for each month."""
    table = result.table.assign(
        month=pd.PeriodIndex(pd.to_datetime(result.table["as_of"]), freq="M"),
        least=entropy(result.table["chance"].to_numpy()),
    )
    names = [f"excess {version}" for version in result.versions]
    lines = [
        f"| month | predictions | least log loss | excess as served | {' | '.join(f'of version {one}' for one in result.versions)} | verdicts |",
        f"|---|---:|---:|---:|{'---:|' * len(names)}---|",
    ]
    for month, part in table.groupby("month"):
        said = [look.verdict for look in result.looks if pd.Period(look.day, freq="M") == month]
        words = ", ".join(f"{said.count(one)} {one}" for one in dict.fromkeys(said))
        figures = " | ".join(_four(part[name].mean()) for name in ["excess", *names])
        lines.append(f"| {month} | {len(part):,} | {part['least'].mean():.4f} | {figures} | {words} |")
    return lines


def _events(result: Result) -> list[str]:
    """Lines of the list of what was said and done, without repetition."""
    lines, before = [f"- {result.span.drift}: the drift begins."], ""
    for look in result.looks:
        if look.verdict != before:
            lines.append(f"- {look.day}: version {look.model_version} is {look.verdict}: {look.reasons[0]}.")
            before = look.verdict
    lines += [f"- {day}: page `{rule}`: {summary}." for day, rule, summary in result.pages]
    lines += [
        f"- {one['requested_at']:%Y-%m-%d}: retraining {one['number']}, {one['state']}: {_outcome(one['result'])}."
        for one in result.retrainings
    ]
    if result.promoted:
        lines.append("- {1}: version {0} answers.".format(*result.promoted))
    lines += [f"- {kind} of version {version}: {sentence}." for kind, version, sentence in result.changes]
    counted = pd.Series([rule for _, rule, _ in result.notes], dtype=object).value_counts()
    lines += [f"- notes of the rule `{rule}`: {count}." for rule, count in counted.items()]
    # Dated ones in their order, the others after them.
    return sorted(lines, key=lambda line: line[2:12] if line[2].isdigit() else "9")


def _outcome(result: dict[str, Any] | None) -> str:
    if not result or "version" not in result:
        return str((result or {}).get("error", "no result"))
    where = "promoted" if result["promoted"] else "in shadow" if result.get("in_shadow") else "refused"
    return f"version {result['version']}, {where}: {result['reasons'][0]}"


def _four(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"


def _draw(result: Result, file: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "closecast"  # the same figures make the same file
    from matplotlib import pyplot

    weeks = result.table.groupby("as_of")[["excess", *(f"excess {one}" for one in result.versions)]].mean()
    figure, place = pyplot.subplots(figsize=(9, 4), layout="constrained")
    place.plot(weeks.index, weeks["excess"], color="black", linewidth=2.5, label="as served")
    for version, colour in zip(result.versions, ("tab:red", "tab:blue", "tab:green", "tab:purple"), strict=False):
        place.plot(weeks.index, weeks[f"excess {version}"], color=colour, linewidth=1, label=f"version {version}")
    marks = [
        (result.span.drift, "drift"),
        (result.proved_on, "harm proved"),
        (result.promoted and result.promoted[1], "promoted"),
    ]
    for day, words in marks:
        if day is not None:
            at: Any = np.datetime64(day)  # matplotlib's own types know numbers only
            place.axvline(at, color="grey", linestyle="dotted")
            place.annotate(words, (at, 1.0), xycoords=("data", "axes fraction"), rotation=90, va="top", ha="right")
    place.set_ylabel("excess log loss")
    place.set_ylim(bottom=0)
    place.legend()
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
