"""The command `repl`: a Python prompt with the champion and the newest deals at hand."""

import code
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import paths
from ops.cli.arguments import nothing
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.session import Session, connect
from ops.setup.credentials import LAKE_BUCKET, REGION

if TYPE_CHECKING:
    import pandas as pd

    from closecast.deals.horizon import Horizon
    from closecast.models.deal_model import DealModel
    from closecast.platform.lake.store import Lake
    from closecast.platform.mlflow.registry import Identity, ModelRegistry


@dataclass(frozen=True)
class Opened:
    """The champion with the newest deals of its source as history, as the API has it."""

    identity: "Identity"
    model: "DealModel"

    @property
    def deals(self) -> "pd.DataFrame":
        """The newest accepted deals."""
        return self.model.deals

    def rank(self, as_of: date | None = None, horizon: "Horizon" = "quarter_end") -> "pd.DataFrame":
        """The deals that are open now with their chance to be won, the most likely first. Raises ValueError for a date or horizon that cannot be."""
        from closecast.scoring import many
        from closecast.scoring.question import Question
        from closecast.scoring.tables import read_frame

        question = Question.ask(self.model, as_of, horizon)
        checked, chances = many.score(self.model, read_frame(self.deals), question)
        ranked = self.deals.iloc[checked.rows].assign(chance=chances)
        return ranked.sort_values("chance", ascending=False, ignore_index=True)


def repl(arguments: list[str]) -> int:
    """Open a Python prompt with the champion loaded, its signature checked, and the newest deals. Needs the platform."""
    nothing("repl", repl.__doc__, arguments)
    session = connect()
    opened = open_champion(_registry(session), _lake(session), paths.state() / "replay")
    names = names_of(opened)
    _complete(names)
    code.interact(banner=banner(opened), local=names, exitmsg="")
    return 0


def open_champion(registry: "ModelRegistry", lake: "Lake", cache: Path) -> Opened:
    """Load the champion of `registry` through `cache`, and the newest deals of its source from `lake`.

    Raises OperatorError.
    """
    from closecast.models.deal_model import ModelError
    from closecast.platform.lake import online
    from closecast.platform.lake.store import LakeError
    from closecast.platform.mlflow.registry import NoChampionError, RegistryError

    try:
        served = registry.champion(cache)
        model = served.model
        newest = online.find(lake, model.card.source)
        if (
            newest is not None
            and newest.silver_key != model.card.deals_key
            and newest.known_until >= model.card.known_until
        ):
            deals = lake.read_parquet(newest.silver_key)
            model = model.seen_with(deals, newest.known_until, newest.silver_key, newest.pseudonymised)
    except NoChampionError as error:
        raise OperatorError("no model is champion yet", "train one: `just train --source <…>`") from error
    except ModelError as error:
        raise OperatorError(f"the champion is not loaded: {error}", "train anew: `just train`") from error
    except (RegistryError, LakeError) as error:
        raise OperatorError(str(error), "see `just status`") from error
    return Opened(served.identity, model)


def names_of(opened: Opened) -> dict[str, Any]:
    """What the prompt knows by name."""
    import numpy
    import pandas

    return {
        "model": opened.model,
        "deals": opened.deals,
        "rank": opened.rank,
        "identity": opened.identity,
        "date": date,
        "np": numpy,
        "pd": pandas,
    }


def banner(opened: Opened) -> str:
    """What the prompt says at first."""
    card = opened.model.card
    return (
        f"{opened.identity}, trained {card.trained_at} on {card.source}; {len(opened.deals):,} deals known until "
        f"{card.data_as_of}\n"
        "  rank()                                    open deals by their chance to be won until the quarter's end\n"
        "  rank(date(2017, 12, 1), 30)               as of another date, within 30 days\n"
        "  deals, model, model.card.metrics, model.builder, model.scorer, identity, np, pd"
    )


def _registry(session: Session) -> "ModelRegistry":
    from closecast.platform.mlflow.registry import ModelRegistry
    from closecast.platform.signatures import TrustedKeys

    keys = session.credentials
    address = jobs.address(session.cluster, "mlflow")
    return ModelRegistry(address, TrustedKeys.from_text(keys.model_public_keys()), keys.mlflow_login)


def _lake(session: Session) -> "Lake":
    from closecast.platform.lake.store import Lake
    from closecast.platform.settings import LakeSettings

    keys = session.credentials
    address = jobs.address(session.cluster, "localstack")
    return Lake(LakeSettings(LAKE_BUCKET, REGION, address, keys.object_store_access_key, keys.object_store_secret_key))


def _complete(names: Mapping[str, Any]) -> None:
    """Complete names with Tab, where Python was built with readline."""
    try:
        import readline
    except ImportError:
        return
    import rlcompleter

    readline.set_completer(rlcompleter.Completer(dict(names)).complete)
    readline.parse_and_bind("tab: complete")
