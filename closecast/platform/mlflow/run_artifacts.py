"""Human-readable files of a training run: the report, plots and the model card."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from closecast import features
from closecast.models.card import BASELINE
from closecast.models.deal_model import DealModel
from closecast.models.evaluation import CANDIDATE, measured_on
from closecast.models.promotion import Decision
from closecast.platform.mlflow.registry import EVALUATION_FILE


def write_report(
    target: Path, model: DealModel, report: dict[str, Any], decision: Decision, by: str, at: datetime
) -> None:
    """Write evaluation.json, model_card.md, features.json and plots into `target`, created if absent."""
    target.mkdir(exist_ok=True)
    (target / EVALUATION_FILE).write_text(json.dumps(report, indent=1, default=str))
    (target / "features.json").write_text(
        json.dumps(
            [
                {key: getattr(one, key) for key in ("name", "dtype", "unit", "formula", "meaning", "cut_off")}
                for one in features.FEATURES
            ],
            indent=1,
        )
    )
    (target / "model_card.md").write_text(model_card(model, report, decision, by, at))
    _plots(target, report)


def model_card(model: DealModel, report: dict[str, Any], decision: Decision, by: str, at: datetime) -> str:
    """The model card in Markdown: intended use, training data, evaluation and limitations."""
    card = model.card
    lines = [
        "# Closecast model card",
        "",
        "**Question**: how likely is it that a deal, open at an as-of date, closes Won within so many days?",
        "**For**: ranking and forecasting a sales team's open deals. **Not for**: judging sales people; deals of another "
        "kind than those of the export; whether a deal will *ever* be won, on which these data are silent.",
        "",
        f"- Trained {at:%d %B %Y}, by {by}, on `{card.source}` (SHA-256 `{card.source_sha256[:12]}`), "
        f"{card.rows['accepted']:,} deals accepted, {card.rows['rejected']:,} quarantined"
        + (f", quality score {card.quality:.3f}" if card.quality is not None else ""),
        f"- Known until {card.data_as_of}; held out from {card.cut} on",
        *(
            ["- **Baseline**: it uses age and calendar alone, and serves until a model beats it"]
            if card.kind == BASELINE
            else []
        ),
        f"- LightGBM, {card.rounds} rounds, {len(card.feature_names)} features, beta calibration; seed {card.seed}; "
        f"commit {card.git_commit or 'unknown'}",
        *(
            f"- The export does not tell {name.replace('_', ' ')}s apart: the features of the {name.replace('_', ' ')} are "
            "the same for all deals"
            for name in card.unknown
        ),
        f"- Decision: **{'promoted' if decision.promoted else 'refused'}**",
        "",
    ]
    for target, found in report["targets"].items():
        lines += [f"## {target.replace('_', ' ')}", ""]
        if sampled := measured_on(found):
            lines += [f"{sampled.capitalize()}: all of them would have been too many rows.", ""]
        lines += ["| model | log loss | ROC AUC | ECE |", "|---|---|---|---|"]
        for baseline, measures in found["ladder"]["all"]["rungs"].items():
            name = "**this model**" if baseline == CANDIDATE else baseline.replace("_", " ")
            cells = (
                f"{measures[key]['value']:.4f} ({measures[key]['low']:.4f} to {measures[key]['high']:.4f})"
                for key in ("log_loss", "auc", "ece")
            )
            lines.append(f"| {name} | {' | '.join(cells)} |")
        live = found["ladder"]["live"]["rungs"].get(CANDIDATE)
        if live:
            lines.append(
                f"\nOn live deals only: log loss {live['log_loss']['value']:.4f}, ROC AUC {live['auc']['value']:.3f}."
            )
        lines.append("")
    lines += [
        "## Why it was decided so",
        "",
        *(f"- {'✓' if one.passed else '✗'} {one.sentence}" for one in decision.checks),
    ]
    lines += ["", "Intervals are 95 %, by bootstrap over deals. " + card.note]
    return "\n".join(lines) + "\n"


def _plots(target: Path, report: dict[str, Any]) -> None:
    # The figure class alone: pyplot would keep figures in a table of the process.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, (name, found) in zip(figure.subplots(1, 2), report["targets"].items(), strict=True):
        curve = found["reliability"]
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axes.plot([point["predicted"] for point in curve], [point["won"] for point in curve], "o-")
        axes.set(title=name.replace("_", " "), xlabel="predicted", ylabel="share won", xlim=(0, 1), ylim=(0, 1))
    figure.savefig(target / "reliability.png", dpi=100)
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, (name, found) in zip(figure.subplots(1, 2), report["targets"].items(), strict=True):
        baselines = found["ladder"]["all"]["rungs"]
        losses = [measures["log_loss"] for measures in baselines.values()]
        axes.errorbar(
            [one["value"] for one in losses],
            list(baselines),
            fmt="o",
            xerr=[[one["value"] - one["low"] for one in losses], [one["high"] - one["value"] for one in losses]],
        )
        axes.invert_yaxis()
        axes.set(title=name.replace("_", " "), xlabel="held-out log loss")
    figure.savefig(target / "ladder.png", dpi=100)


__all__ = ["model_card", "write_report"]
