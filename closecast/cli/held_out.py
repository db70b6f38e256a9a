"""The held-out rows of an evaluation with the candidate's predictions: a Parquet file that `evaluate --rows` writes."""

from pathlib import Path

import pandas as pd

from closecast.cli.errors import CommandError
from closecast.models.candidate import Candidate
from closecast.models.evaluation import CANDIDATE

# Cut, target, as-of date and deal name a row in any revision of the code; `same_deal` is equal for deals that are one.
KEY = ["cut", "target", "as_of", "opportunity_id", "occurrence"]
COLUMNS = [*KEY, "same_deal", "won", "predicted"]


def table(candidate: Candidate) -> pd.DataFrame:
    """One row for each held-out row of each target, with COLUMNS."""
    identifiers = candidate.data.deals["opportunity_id"].astype(str).to_numpy()
    parts = []
    for split, found in zip(candidate.splits, candidate.held_out, strict=True):
        rows = split.test.rows
        part = pd.DataFrame(
            {
                "cut": str(candidate.plan.cut),
                "target": found.target,
                "as_of": rows.as_of.astype(str),
                "opportunity_id": identifiers[rows.deal],
                "same_deal": found.deal,
                "won": found.won,
                "predicted": found.predictions[CANDIDATE],
            }
        )
        # Deals without an identifier are told apart by their order.
        part["occurrence"] = part.groupby(["as_of", "opportunity_id"]).cumcount()
        parts.append(part)
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def write(parts: list[pd.DataFrame], file: Path) -> None:
    """Write rows of several cuts over `file`. Raises CommandError when it cannot be written."""
    try:
        pd.concat(parts, ignore_index=True).to_parquet(file, index=False)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}", "name another file after --rows") from error


def paired(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """The rows that both have, with the same label: KEY, same_deal and won of `after`, predicted_before, predicted."""
    joined = after.merge(before[[*KEY, "won", "predicted"]], on=KEY, suffixes=("", "_before"), validate="one_to_one")
    return joined[joined["won"] == joined["won_before"]].drop(columns="won_before")
