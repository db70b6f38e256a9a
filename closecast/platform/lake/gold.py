"""The gold layer: the labelled snapshots and feature values that a model was trained on."""

import hashlib
import json
from collections.abc import Iterator

import pandas as pd

from closecast.deals.snapshots import Snapshots
from closecast.features import FEATURES, NAMES
from closecast.models.data import Data
from closecast.platform.lake.store import Lake

ROWS = 250_000  # in memory at once


def store(data: Data, silver_key: str, lake: Lake) -> str:
    """Store all training rows of `data` and return their key; unchanged rows are not written again.

    Columns: opportunity_id, as_of, won, and the features by name. Raises LakeError.
    """
    declared = [(feature.name, feature.dtype, feature.formula) for feature in FEATURES]
    facts = json.dumps([silver_key, str(data.plan.cut), data.fiscal.first_month, declared])
    step = f"steps/gold-{hashlib.sha256(facts.encode()).hexdigest()[:32]}.json"
    known = lake.read_text(step)
    if known is not None:
        return str(json.loads(known)["gold"])
    rows = data.learnable()
    key = lake.put_parts("gold", _frames(data, rows))
    lake.put_text(step, json.dumps({"gold": key, "silver": silver_key, "rows": len(rows)}))
    return key


def _frames(data: Data, rows: Snapshots) -> Iterator[pd.DataFrame]:
    identifiers = data.deals["opportunity_id"].to_numpy()
    for first in range(0, len(rows), ROWS):
        part = rows.between(first, first + ROWS)
        facts = pd.DataFrame(
            {"opportunity_id": identifiers[part.deal], "as_of": part.as_of.astype("M8[s]"), "won": part.won}
        )
        yield pd.concat([facts, pd.DataFrame(data.fitting_matrix(part), columns=list(NAMES))], axis=1)
