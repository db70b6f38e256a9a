"""Write benchmarks/model.md from JSON files of `just evaluate`: `python -m benchmarks.model_table <file>…`."""

import json
import sys
from pathlib import Path
from typing import Any

_PAGE = Path(__file__).with_name("model.md")
_BASELINES = ("base_rate", "age_table", "logistic", "age_calendar", "lightgbm_default", "candidate")


def main(files: list[str]) -> int:
    lines = [
        "# `just evaluate`: held-out figures",
        "",
        "Made by `just evaluate --source <…> --cut <date> … --json <file>` and `python -m benchmarks.model_table <file>`. Log loss and calibration",
        "error (ECE) with 95 % intervals by bootstrap over deals; *against* is the paired difference of log loss to the age-and-calendar model (below 0: better).",
        "",
    ]
    for name in files:
        content = json.loads(Path(name).read_text())
        lines += [f"## {content['source']}, quality {content['quality']['score']:.3f}", ""]
        for report in content["evaluations"]:
            lines += _of(report)
    _PAGE.write_text("\n".join(lines) + "\n")
    return 0


def _of(report: dict[str, Any]) -> list[str]:
    lines = []
    for target, found in report["targets"].items():
        against = found["log_loss_against"]["age_calendar"]
        lines += [
            f"### {target.replace('_', ' ')}, cut {report['plan']['cut']}: {found['rows_train']:,} and {found['rows_test']:,} rows, "
            f"share won {found['share_won_train']:.3f} and {found['share_won_test']:.3f}",
            "",
            "| model | log loss | ROC AUC | ECE | live deals: log loss | ROC AUC |",
            "|---|---|---|---|---|---|",
        ]
        for baseline in _BASELINES:
            one, live = (found["ladder"][population]["rungs"][baseline] for population in ("all", "live"))
            loss = one["log_loss"]
            lines.append(
                f"| {baseline.replace('_', ' ')} | {loss['value']:.4f} ({loss['low']:.4f} to {loss['high']:.4f}) | {one['auc']['value']:.3f} "
                f"| {one['ece']['value']:.3f} ({one['ece']['low']:.3f} to {one['ece']['high']:.3f}) "
                f"| {live['log_loss']['value']:.4f} | {live['auc']['value']:.3f} |"
            )
        lines += ["", f"Against: {against['value']:+.4f} ({against['low']:+.4f} to {against['high']:+.4f}).", ""]
    verdict = "promotes" if report["decision"]["promoted"] else "refuses"
    return [
        *lines,
        f"The gate {verdict} it. Forecast of won revenue by the quarter's end, from deals open then:",
        "",
        "| as of | won | expected | age table |",
        "|---|---|---|---|",
        *(
            f"| {row['as_of']} | {row['won']:,.0f} | {row['expected_candidate']:,.0f} | {row['expected_age_table']:,.0f} |"
            for row in report["forecast"][::4]
        ),
        "",
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
