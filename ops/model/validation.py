"""The command `model-validation`: what a change does to the model, measured on the same held-out rows."""

from dataclasses import dataclass
from typing import Any

from closecast.cli import held_out
from closecast.cli.arguments import day
from closecast.cli.files import named_by_user, write_text
from closecast.models.metrics import Measured, paired_difference
from closecast.platform.runtime import provenance
from ops import paths
from ops.cli.arguments import Arguments
from ops.cli.progress import say, step
from ops.errors import OperatorError
from ops.model import revisions
from ops.model.revisions import Evaluation

_SHORT = 10  # digits of a commit


@dataclass(frozen=True)
class Comparison:
    """One target of one cut: log loss before and after, and the difference on the rows that both have."""

    cut: str
    target: str
    rows: int
    rows_before: int
    rows_after: int
    before: float
    after: float
    difference: Measured

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval says so."""
        return self.difference.low > 0


def model_validation(arguments: list[str]) -> int:
    """Compare the models of two commits on the same held-out rows, and print a comment in Markdown.

    Exit status 2 when the gate refuses the later one, or it is worse beyond the interval.
    """
    given = (
        Arguments("model-validation", model_validation.__doc__)
        .option("base", str, "compare with the commit where --head left this one (default: main)", "main", "commit")
        .option("head", str, "the commit to judge (default: HEAD)", "HEAD", "commit")
        .option("source", str, "as for `just evaluate` (default: synthetic)", "synthetic")
        .option("cut", day, "held out from this date on (default: as for `just evaluate`)", value="date")
        .option("out", str, "a file to write the comment to as well", value="file")
        .given(arguments)
    )
    head = revisions.commit_of(given.head)
    base = revisions.common(revisions.commit_of(given.base), head)
    if base == head:
        raise OperatorError(
            f"{given.head} has nothing that {given.base} lacks", "commit the change, or name another --base"
        )
    if given.head == "HEAD" and (provenance.git_commit(paths.PROJECT) or "").endswith("-dirty"):
        say("what is not committed is not measured")
    asked = ["--source", _absolute(given.source), *(["--cut", given.cut.isoformat()] if given.cut else [])]
    found = []
    for commit in (base, head):
        with step(f"model of {commit[:_SHORT]}"):
            found.append(revisions.evaluate(commit, asked))
    before, after = found
    compared = comparisons(before, after)
    text = comment(given.source, before, after, compared)
    print(text, end="")
    if given.out:
        write_text(given.out, text, "out")
    return 2 if any(one.is_worse for one in compared) or not _is_accepted(after) else 0


def _absolute(source: str) -> str:
    """The source, with a file's path as it is from everywhere."""
    kind, colon, path = source.partition(":")
    return f"file:{named_by_user(path)}" if colon and kind == "file" else source


def _is_accepted(one: Evaluation) -> bool:
    return all(report["decision"]["promoted"] for report in one.reports)


def comparisons(before: Evaluation, after: Evaluation) -> list[Comparison]:
    """Each target of each cut. Raises OperatorError where the two have no row in common."""
    pairs = held_out.paired(before.rows, after.rows)
    found = []
    for (cut, target), rows in after.rows.groupby(["cut", "target"], sort=False):
        of_base = before.rows[(before.rows["cut"] == cut) & (before.rows["target"] == target)]
        both = pairs[(pairs["cut"] == cut) & (pairs["target"] == target)]
        if both.empty:
            raise OperatorError(
                f"the two commits hold out no row in common for {target}, cut {cut}",
                "name --cut, where the change moves the default cut; a change of the rows themselves cannot be compared",
            )
        labels, ours, theirs, deal = (
            both[name].to_numpy() for name in ("won", "predicted", "predicted_before", "same_deal")
        )
        found.append(
            Comparison(
                str(cut),
                str(target),
                len(both),
                len(of_base),
                len(rows),
                _log_loss(before, str(cut), str(target)),
                _log_loss(after, str(cut), str(target)),
                paired_difference(labels, ours, theirs, deal),
            )
        )
    return found


def _log_loss(one: Evaluation, cut: str, target: str) -> float:
    report = next((each for each in one.reports if each["plan"]["cut"] == cut), None)
    return (
        float(report["targets"][target]["ladder"]["all"]["rungs"]["candidate"]["log_loss"]["value"])
        if report
        else float("nan")
    )


def comment(source: str, before: Evaluation, after: Evaluation, compared: list[Comparison]) -> str:
    """What was found, in Markdown."""
    lines = [
        f"### Model validation: `{before.commit[:_SHORT]}` → `{after.commit[:_SHORT]}`",
        "",
        f"Held-out log loss on `{source}`, lower is better. The difference is paired, row by row, and its 95 % interval",
        "resamples deals.",
        "",
        "| target | cut | rows in both | before | after | difference | 95 % interval | |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(one) for one in compared),
        "",
        *_differing(compared),
        *_ladder(before, after),
        *_gate("before", before),
        *_gate("after", after),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(one: Comparison) -> str:
    difference = one.difference
    if one.is_worse:
        verdict = "**worse**"
    elif difference.high < 0:
        verdict = "better"
    else:
        verdict = "the same" if difference.low == difference.high == 0 else "no difference that is sure"
    return (
        f"| {one.target.replace('_', ' ')} | {one.cut} | {one.rows:,} | {one.before:.4f} | {one.after:.4f} "
        f"| {difference.value:+.4f} | {difference.low:+.4f} to {difference.high:+.4f} | {verdict} |"
    )


def _differing(compared: list[Comparison]) -> list[str]:
    odd = [one for one in compared if not one.rows == one.rows_before == one.rows_after]
    lines = [
        f"{one.target.replace('_', ' ')}, cut {one.cut}: {one.rows_before:,} rows before and {one.rows_after:,} after, "
        f"{one.rows:,} in both with the same label; the difference is of these."
        for one in odd
    ]
    return [*lines, ""] if lines else []


def _ladder(before: Evaluation, after: Evaluation) -> list[str]:
    lines = [
        "<details><summary>Ladder</summary>",
        "",
        "| target | cut | model | before | after |",
        "|---|---|---|---|---|",
    ]
    known = {report["plan"]["cut"]: report for report in before.reports}
    for report in after.reports:
        cut = report["plan"]["cut"]
        for target, found in report["targets"].items():
            earlier = _rungs(known.get(cut), target)
            for name, one in found["ladder"]["all"]["rungs"].items():
                was = f"{earlier[name]['log_loss']['value']:.4f}" if name in earlier else "none"
                words = (target.replace("_", " "), cut, name.replace("_", " "), was, f"{one['log_loss']['value']:.4f}")
                lines.append(f"| {' | '.join(words)} |")
    return [*lines, "", "</details>", ""]


def _rungs(report: dict[str, Any] | None, target: str) -> dict[str, Any]:
    return dict(report["targets"].get(target, {}).get("ladder", {}).get("all", {}).get("rungs", {})) if report else {}


def _gate(when: str, one: Evaluation) -> list[str]:
    if _is_accepted(one):
        return [f"The gate would promote the model {when} the change.", ""]
    failed = [
        f"- cut {report['plan']['cut']}: {check['sentence']}"
        for report in one.reports
        for check in report["decision"]["checks"]
        if not check["passed"]
    ]
    return [f"**The gate would refuse the model {when} the change:**", "", *failed, ""]
