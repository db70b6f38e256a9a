"""`replay <id>`: computes a recorded prediction again, from the model and the features that were logged with it."""

import argparse
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from closecast.platform.request_limits import MOST_DEALS
from ops import paths
from ops.api import predict
from ops.cli.arguments import Arguments, number
from ops.errors import OperatorError
from ops.nomad import jobs
from ops.nomad.session import connect

if TYPE_CHECKING:
    from closecast.deals.calendar import FiscalCalendar
    from closecast.models.deal_model import DealModel
    from closecast.platform.settings import Login

_CONSOLE = Console(soft_wrap=True)


@dataclass(frozen=True)
class Line:
    """One horizon of a prediction: what was answered, and what comes out now."""

    asked: str
    days: int
    answered: float
    again: float

    @property
    def is_same(self) -> bool:
        """To the bit: 0.0 and -0.0 differ."""
        return self.answered.hex() == self.again.hex()


def replay(arguments: list[str]) -> int:
    """Compute a recorded prediction again and compare it bit by bit; exit status 1 when it differs."""
    given = Arguments("replay", replay.__doc__).place("id", "of an answer of POST /v1/predictions")
    given.option("row", number(0, MOST_DEALS), "of a batch; its first unless named")
    identifier, row = _identified(given.given(arguments))
    session = connect()
    query = {} if row is None else {"row": row}
    record = predict.client(session).call("GET", f"/v1/predictions/{identifier}", params=query)
    lines = recompute(
        record,
        jobs.address(session.cluster, "mlflow"),
        # The API's copies belong to its account, and what root wrote among them it could not read.
        paths.state() / "replay",
        session.credentials.model_public_keys(),
        session.credentials.mlflow_login,
    )
    _print(record, lines)
    return 0 if all(line.is_same for line in lines) else 1


def recompute(
    record: Mapping[str, Any], registry: str, cache: Path, keys: str | None = None, login: "Login | None" = None
) -> list[Line]:
    """Every horizon of a record of GET /v1/predictions/{id}, with the model that made it, by its run.

    The model must be signed by one of `keys` (public ones, with commas between), unless there are none. Raises OperatorError
    when that model cannot be had, or the record does not say what was answered to which horizon.
    """
    # Imported here: the libraries take seconds, which no other command should wait for.
    import numpy as np

    model = _model(record, registry, cache, keys, login)
    answers = _answers(record, model.card.fiscal)
    again = model.scorer.predict(np.array(record["features"], dtype=np.float64))
    by_days = dict(zip(record["days"], again.tolist(), strict=True))
    return [Line(asked, days, answered, by_days[days]) for asked, days, answered in answers]


def _model(
    record: Mapping[str, Any], registry: str, cache: Path, keys: str | None, login: "Login | None"
) -> "DealModel":
    """The model whose run the record names, whatever its version's number stands for today."""
    from closecast.models.deal_model import ModelError
    from closecast.platform.mlflow.registry import Identity, ModelRegistry, RegistryError
    from closecast.platform.signatures import TrustedKeys

    version, run_id = record["model"]["version"], record["model"].get("run_id")
    models = ModelRegistry(registry, None if keys is None else TrustedKeys.from_text(keys), login)
    try:
        # A record of before runs were written down is taken at its number, unless that was given after it was made.
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
            f"the model that made the prediction, version {version} of run {run_id or 'unknown'}, cannot be had: {error}",
            "see `just status`; once its artifacts are gone, nothing can repeat what it answered",
        ) from error


def _answers(record: Mapping[str, Any], fiscal: "FiscalCalendar") -> Sequence[tuple[str, int, float]]:
    """What was answered: the horizon asked about, then the others by name; each with its days, of which features have a line."""
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
        table.add_row(
            line.asked, str(line.days), repr(line.answered), repr(line.again), "same" if line.is_same else "DIFFERS"
        )
    _CONSOLE.print(table)
    differing = sum(not line.is_same for line in lines)
    print("\nbit-identical" if not differing else f"\n{differing} of {len(lines)} differ")


def _identified(given: argparse.Namespace) -> tuple[uuid.UUID, int | None]:
    try:
        return uuid.UUID(given.id), given.row
    except ValueError as error:
        raise OperatorError(
            f"{given.id!r} is no id of a prediction",
            "write `just replay <id>` with the id of an answer of POST /v1/predictions",
        ) from error
