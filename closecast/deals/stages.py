"""The stage history of a deal: which stage it entered when, and which close date was expected when.

A history is kept with its deal as one text, JSON of [date, stage, expected close date] in the order of time. So it goes
wherever the deal goes: into the lake, into a model's folder, and out of both when the deal is forgotten.
"""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

HISTORY = "stage_history"  # the column of a frame of deals


class Entry(NamedTuple):
    """What became known on `changed`: that the deal entered `stage`, that its close is expected on `expected_close`, or both."""

    changed: date
    stage: str | None = None
    expected_close: date | None = None


class Standing(NamedTuple):
    """How a deal stands once some of its entries are known.

    `since` is the day on which it entered `stage`, `entered` counts the stages that it has entered, `moves_back` the
    entries of a stage that it had entered before the one it left. `slips` counts how often the expected close became later.
    """

    stage: str | None = None
    since: date | None = None
    entered: int = 0
    moves_back: int = 0
    expected_close: date | None = None
    slips: int = 0


def standings(entries: Sequence[Entry]) -> list[Standing]:
    """How a deal stands after each of its entries, which are in the order of time.

    An entry of the stage that the deal is in changes nothing. The order of stages is the one in which the deal first
    entered them: nothing of other deals, and nothing of the future, decides what is a move back.
    """
    found = []
    stage, since, entered, back, expected, slips = Standing()
    first_entered: dict[str, int] = {}
    for changed, new_stage, new_close in entries:
        if new_stage is not None and new_stage != stage:
            place = first_entered.setdefault(new_stage, len(first_entered))
            back += stage is not None and place < first_entered[stage]
            stage, since, entered = new_stage, changed, entered + 1
        if new_close is not None:
            slips += expected is not None and new_close > expected
            expected = new_close
        found.append(Standing(stage, since, entered, back, expected, slips))
    return found


def write(entries: Sequence[Entry]) -> str:
    """The text of a history; entries of one day stay in the order given."""
    ordered = sorted(entries, key=lambda entry: entry.changed)
    facts = [[str(one.changed), one.stage, one.expected_close and str(one.expected_close)] for one in ordered]
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> list[Entry]:
    """The entries in the text of a history. Raises ValueError for a text that `write` did not make."""
    try:
        content: Any = json.loads(text)
        return [
            Entry(date.fromisoformat(changed), stage, None if expected is None else date.fromisoformat(expected))
            for changed, stage, expected in content
        ]
    except (TypeError, RecursionError) as error:
        raise ValueError(f"{text[:50]!r} is no stage history") from error
