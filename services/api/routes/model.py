"""`GET /v1/model`: the model that serves, and its origin."""

import msgspec
from litestar import get
from litestar.di import NamedDependency

from closecast.platform.mlflow.registry import CHAMPION, MODEL_NAME
from services.api.access.admission import Requires
from services.api.routes.common import RESPONSES
from services.api.schemas.predictions import Model
from services.api.serving.champion import Champion


@get("/model", sync_to_thread=False, guards=[Requires("viewer")], summary="What serves", responses=RESPONSES)
def model(champion: NamedDependency[Champion]) -> Model:
    """Describe the model that serves now: its version, origin and metrics."""
    served = champion.serving()
    card = served.model.card
    return msgspec.convert(
        {
            "name": MODEL_NAME,
            "version": served.version,
            "run_id": served.identity.run_id,
            "sha256": served.identity.sha256,
            "alias": CHAMPION,
            "features": list(card.feature_names),
            "registry_problem": champion.status().problem,
            **{
                name: getattr(card, name)
                for name in (
                    "kind",
                    "trained_at",
                    "source",
                    "source_sha256",
                    "data_as_of",
                    "fiscal_year_start",
                    "currency",
                    "metrics",
                    "reference_metrics",
                    "rows",
                    "note",
                    "git_commit",
                )
            },
        },
        Model,
    )
