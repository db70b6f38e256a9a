"""A batch scoring run: its parts, their results, and the parts that were refused and why."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Any

import pyarrow.parquet as pq

from closecast.deals.horizon import Horizon
from closecast.platform.lake.store import Lake, LakeError
from closecast.platform.mlflow.identity import Identity

# Spark, Hadoop and similar tools keep metadata under such names.
_NO_DATA = (".", "_")


@dataclass(frozen=True)
class ScoringRun:
    """Parquet files below `source` in the lake, scored by one model as of one date, into `target`."""

    source: str
    target: str
    parts: tuple[str, ...]
    model: Identity
    as_of: date
    horizon: Horizon
    quarter: tuple[date, date] | None = None  # first and last day, where the horizon is the quarter's end

    def result(self, part: str) -> str:
        """The key of the result of `part`; the object exists if and only if the part is done."""
        return f"{self.target}/{part.removeprefix(f'{self.source}/')}"

    def missing(self, lake: Lake) -> list[str]:
        """Parts without a result. Raises LakeError."""
        done = lake.keys(self.target)
        return [part for part in self.parts if self.result(part) not in done]

    def meta(self, part: str) -> dict[str, str]:
        """The metadata of the job `score` for `part`."""
        return {
            "source": part,
            "target": self.result(part),
            "as_of": str(self.as_of),
            "horizon": str(self.horizon),
            "version": self.model.version,
            "run_id": self.model.run_id,
            "model_sha256": self.model.sha256 or "",
        }

    def rows(self, lake: Lake) -> list[dict[str, Any]]:
        """The number of rows of each part.

        Raises LakeError when a result is missing or its row count differs from its input's.
        """
        table = []
        for part in self.parts:
            with lake.opened(part) as before, lake.opened(self.result(part)) as after:
                wanted, found = pq.read_metadata(before).num_rows, pq.read_metadata(after).num_rows
            if wanted != found:
                raise LakeError(f"{self.result(part)} has {found} rows, its input {wanted}: delete it and run it again")
            table.append({"part": part, "result": self.result(part), "rows": found})
        return table


def plan(lake: Lake, source: str, model: Identity, as_of: date, horizon: Horizon) -> ScoringRun:
    """Plan a run over the .parquet files below the folder `source`. Raises LakeError when there is none.

    Files are skipped when their name, or that of a folder above them, begins with "." or "_".
    """
    folder = source.strip("/")
    found = {key: size for key, size in lake.keys(folder).items() if key.endswith(".parquet") and _is_data(key, folder)}
    if not found:
        raise LakeError(f"the lake holds no .parquet file below {folder}/: put the deals to score there")
    named = (model.version, model.run_id, model.sha256 or "")
    facts = [folder, *named, str(as_of), str(horizon), *(f"{key} {size}" for key, size in found.items())]
    name = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    return ScoringRun(folder, f"predictions/{as_of}-{name}", tuple(found), model, as_of, horizon)


def _is_data(key: str, folder: str) -> bool:
    return not any(name.startswith(_NO_DATA) for name in PurePosixPath(key).relative_to(folder).parts)


def refuse(lake: Lake, result: str, instance: str, reason: str) -> None:
    """Record that `instance` will not make `result`, and why. Raises LakeError."""
    lake.put_text(_note(result), json.dumps({"instance": instance, "reason": reason}, indent=1))


def accept(lake: Lake, result: str) -> None:
    """Delete the refusal of an earlier attempt, because `result` exists now. Raises LakeError."""
    lake.delete(_note(result))


def refusal(lake: Lake, result: str, instance: str) -> str | None:
    """The reason why `instance` refused to make `result`, None when it did not. Raises LakeError."""
    text = lake.read_text(_note(result))
    note = {} if text is None else json.loads(text)
    return str(note["reason"]) if note.get("instance") == instance else None


def _note(result: str) -> str:
    """The key of the refusal: beside the result, under a name that readers of the folder skip."""
    folder, _, name = result.rpartition("/")
    return f"{folder}/_{name}.refused.json"
