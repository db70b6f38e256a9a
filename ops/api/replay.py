"""The command `replay <id>`: recompute a recorded prediction from its model and its logged features."""

import argparse
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from closecast.cli.arguments import number
from closecast.platform.request_limits import MOST_DEALS
from ops import paths
from ops.api import predict
from ops.cli.arguments import Arguments
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.session import connect

if TYPE_CHECKING:
    from closecast.deals.calendar import FiscalCalendar
    from closecast.models.deal_model import DealModel
    from closecast.platform.settings import Login

_CONSOLE = Console(soft_wrap=True)
# In a few letters: the numbers beside them need the width of a terminal.
SAME, ROUNDED, DIFFERS = "same", "last digits", "DIFFERS"


@dataclass(frozen=True)
class Line:
    """One horizon of a prediction: the recorded answer, and the recomputed one."""

    asked: str
    days: int
    answered: float
    again: float

    @property
    def is_same(self) -> bool:
        """Whether both are bit-identical: 0.0 and -0.0 differ."""
        return self.answered.hex() == self.again.hex()

    @property
    def verdict(self) -> str:
        """One of SAME, ROUNDED and DIFFERS."""
        from closecast.models.golden import equal_but_for_rounding

        if self.is_same:
            return SAME
        return ROUNDED if equal_but_for_rounding(self.answered, self.again) else DIFFERS


def replay(arguments: list[str]) -> int:
    """Recompute a recorded prediction and compare it bit by bit; exit status 1 when it differs by more than rounding."""
    given = Arguments("replay", replay.__doc__).place("id", "the id in an answer of POST /v1/predictions")
    given.option("row", number(0, MOST_DEALS), "row of a batch (default: the first)")
    identifier, row = _identified(given.given(arguments))
    session = connect()
    query = {} if row is None else {"row": row}
    record = predict.client(session).call("GET", f"/v1/predictions/{identifier}", params=query)
    lines = recompute(
        record,
        jobs.address(session.cluster, "mlflow"),
        # Not the API's own cache: it belongs to its account, which could not read files that root writes there.
        paths.state() / "replay",
        session.credentials.model_public_keys(),
        session.credentials.mlflow_login,
    )
    _print(record, lines)
    return 1 if DIFFERS in [line.verdict for line in lines] else 0


def recompute(
    record: Mapping[str, Any], registry: str, cache: Path, keys: str | None = None, login: "Login | None" = None
) -> list[Line]:
    """Recompute every horizon of a record of GET /v1/predictions/{id} with its model, which its run identifies.

    The model must be signed by one of `keys` (public keys, separated by commas), unless there are none. Raises
    OperatorError when the model is not available, or the record's answers and horizons don't match.
    """
    # Imported here: the libraries take seconds, and other commands don't need them.
    import numpy as np

    model = _model(record, registry, cache, keys, login)
    answers = _answers(record, model.card.fiscal)
    again = model.scorer.predict(np.array(record["features"], dtype=np.float64))
    by_days = dict(zip(record["days"], again.tolist(), strict=True))
    return [Line(asked, days, answered, by_days[days]) for asked, days, answered in answers]


def _model(
    record: Mapping[str, Any], registry: str, cache: Path, keys: str | None, login: "Login | None"
) -> "DealModel":
    """Load the model by the record's run, whatever its version's number refers to now."""
    from closecast.models.deal_model import ModelError
    from closecast.platform.mlflow.registry import Identity, ModelRegistry, RegistryError
    from closecast.platform.signatures import TrustedKeys

    version, run_id = record["model"]["version"], record["model"].get("run_id")
    models = ModelRegistry(registry, None if keys is None else TrustedKeys.from_text(keys), login)
    try:
        # An old record without a run is matched by version number, unless that version was registered later.
        model = models.identity(version) if run_id is None else Identity(version, run_id)
        if run_id is None and (made := models.made_at(version)) > datetime.fromisoformat(record["time"]):
            raise OperatorError(
                f"the prediction was made by a version {version} that is gone: the registry's was registered at "
                f"{made:%Y-%m-%d %H:%M:%S} UTC, after the prediction ({record['time']})",
                "find its run in MLflow by the time of the prediction; no other model can repeat it",
            )
        return models.served(model, cache).model
    except (RegistryError, ModelError) as error:
        raise OperatorError(
            f"the model that made the prediction, version {version} of run {run_id or 'unknown'}, is not available: {error}",
            "see `just status`; once its artifacts are gone, nothing can repeat what it answered",
        ) from error


def _answers(record: Mapping[str, Any], fiscal: "FiscalCalendar") -> Sequence[tuple[str, int, float]]:
    """The recorded answers with their days: the requested horizon first, then the others by name."""
    from closecast.deals.horizon import horizon_days

    as_of = date.fromisoformat(record["as_of"])
    others = [
        (name, horizon_days(as_of, int(name) if name.isdecimal() else name, fiscal), answered)
        for name, answered in (record["probabilities"] or {}).items()
    ]
    answers = [("asked", record["horizon_days"], record["probability"]), *others]
    asked = {days for _, days, _ in answers}
    if set(record["days"]) != asked or len(record["days"]) != len(record["features"]):
        raise OperatorError(
            f"the record has answers for {sorted(asked)} days, and {len(record['features'])} lines of features for "
            f"{sorted(set(record['days']))}",
            "it was written by another version of Closecast: replay it with that version",
        )
    return answers


def _print(record: Mapping[str, Any], lines: list[Line]) -> None:
    print(
        f"{record['id']} row {record['row']}: answered {record['time']}, {record['model']['name']} version "
        f"{record['model']['version']} (run {record['model'].get('run_id') or 'not recorded'}), as of {record['as_of']}\n"
    )
    table = Table("horizon", "days", "answered", "computed again", "", box=None, pad_edge=False)
    for line in lines:
        table.add_row(line.asked, str(line.days), repr(line.answered), repr(line.again), line.verdict)
    _CONSOLE.print(table)
    print(f"\n{_conclusion(lines)}")


def _conclusion(lines: list[Line]) -> str:
    verdicts = [line.verdict for line in lines]
    if DIFFERS in verdicts:
        return f"{verdicts.count(DIFFERS)} of {len(lines)} differ"
    if ROUNDED in verdicts:
        return (
            f"{verdicts.count(ROUNDED)} of {len(lines)} differ in the last digits only: another version of Closecast or "
            "another processor computed the answer"
        )
    return "bit-identical"


def _identified(given: argparse.Namespace) -> tuple[uuid.UUID, int | None]:
    try:
        return uuid.UUID(given.id), given.row
    except ValueError as error:
        raise OperatorError(
            f"{given.id!r} is no id of a prediction",
            "write `just replay <id>` with the id of an answer of POST /v1/predictions",
        ) from error
