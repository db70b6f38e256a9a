"""The model card of the site: what a training writes for each version, here of made-up deals."""

from datetime import UTC, datetime

from closecast.deals import contract, quality
from closecast.deals.pseudonyms import throwaway
from closecast.models import candidate as candidates
from closecast.models import promotion
from closecast.models.deal_model import DealModel
from closecast.models.evidence import Export
from closecast.platform.lake.ingestion import Ingested
from closecast.platform.measuring import latency, make_card
from closecast.platform.mlflow.run_artifacts import model_card
from closecast.platform.runtime import processors
from closecast.platform.sources.export import read_source

_SOURCE, _SEED = "synthetic:3000", 7
_ABOUT = f"""!!! note
    Made with this site, of a model that was trained on made-up deals (`{_SOURCE}`, seed {_SEED}) and served nowhere.
    Each version in the registry has a card like this one of its own: `report/model_card.md` of its run in MLflow.
"""


def page() -> str:
    """Train on made-up deals, which takes some seconds, and return the card, with what it is a card of."""
    export = read_source(_SOURCE, _SEED, pseudonyms=throwaway())
    checked = contract.check(export.frame)
    built = candidates.build(checked.accepted, _SEED, processors.usable())
    data = Ingested(
        deals=checked.accepted,
        source=export.name,
        source_sha256=export.sha256,
        bronze_key="-",
        silver_key="-",
        quarantine_key=None,
        rows_accepted=len(checked.accepted),
        rows_rejected=len(checked.rejected),
        summary=checked.summary(),
        quality=quality.assess(export.frame, checked),
    )
    at = datetime.now(UTC)
    cost = promotion.Cost(latency(built), len(built.twin.booster.text))
    decision = promotion.decide(built.held_out, cost, "no other model", export=Export.of(built.data))
    model = DealModel(built.scorer, make_card(built, data, at, None), data.deals)
    title, _, rest = model_card(model, built.report(), decision, "this build", at).partition("\n")
    return f"{title}\n\n{_ABOUT}{rest}"
