"""The gold layer: labelled snapshots with their feature values, as a model learnt from them."""

import hashlib
import json

import pandas as pd

from closecast.features import FEATURES, NAMES
from closecast.models.training import Data
from closecast.platform.lake import Lake


def store(data: Data, silver_key: str, lake: Lake) -> str:
    """Store all learnable rows of `data` and return their key; rows of unchanged deals and features are there already.

    Columns: opportunity_id, as_of, won, and the features by name. Raises LakeError.
    """
    declared = [(feature.name, feature.dtype, feature.formula) for feature in FEATURES]
    facts = json.dumps([silver_key, str(data.plan.cut), data.fiscal.first_month, declared])
    step = f"steps/gold-{hashlib.sha256(facts.encode()).hexdigest()[:32]}.json"
    known = lake.read_text(step)
    if known is not None:
        return str(json.loads(known)["gold"])
    rows = data.learnable()
    frame = pd.DataFrame(
        {
            "opportunity_id": data.deals["opportunity_id"].to_numpy()[rows.deal],
            "as_of": rows.as_of.astype("M8[s]"),
            "won": rows.won,
        }
    )
    values = pd.DataFrame(data.matrix(rows), columns=list(NAMES))
    key = lake.put_parquet("gold", pd.concat([frame, values], axis=1))
    lake.put_text(step, json.dumps({"gold": key, "silver": silver_key, "rows": len(rows)}))
    return key
