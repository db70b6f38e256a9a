"""The journal entry of one answered request: its deals, predictions and features."""

import os
import random
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

PART = 200  # deals encoded at a time: it blocks other threads for about 0.1 ms
_RANDOM = random.Random(os.urandom(32))
os.register_at_fork(after_in_child=lambda: _RANDOM.seed(os.urandom(32)))


class EntryError(ValueError):
    """The parts of an entry do not fit together."""


class Entry(Struct, frozen=True, array_like=True):
    """One answered request of n deals, each asked about k horizons. Columns rather than rows: a batch has 10,000 deals.

    `features` is the matrix that the model was given: float64, little endian, deal after deal and within a deal horizon
    after horizon, (n * k, number of features). The first horizon is the one asked about.
    """

    id: uuid.UUID  # from new_id; the caller can retrieve the prediction by it
    request_id: str
    time: datetime  # UTC
    caller: str  # the caller's id, never its key
    kind: Literal["single", "batch"]
    as_of: date
    horizon_days: int
    model_version: str
    rows: list[int]  # (n,): position in the request; [0] of a single deal
    deals: dict[str, list[Any]]  # raw column: (n,) values as they were sent
    unseen: list[list[str]]  # (n,): columns whose value the model's history does not know
    probability: list[float]  # (n,): in 0..1
    probabilities: dict[str, float] | None  # a single deal's, by horizon
    days: list[int]  # (k,): the horizons in days
    features: bytes
    model_run_id: str | None = None  # None in entries of earlier versions

    def __len__(self) -> int:
        return len(self.rows)

    def entry(self) -> "Entry":
        """Return itself: an entry is its own draft (closecast.platform.journal.inbox)."""
        return self


class Single(Struct, frozen=True, array_like=True, gc=False):
    """An entry of one deal in row form, which the request path makes and encodes in a microsecond.

    `deal` are the raw columns as they were sent, without absent ones; a struct is encoded as it is.
    """

    id: uuid.UUID
    request_id: str
    time: float  # seconds since 1970
    caller: str
    as_of: date
    horizon_days: int
    model_version: str
    deal: dict[str, Any]
    unseen: list[str]
    probability: float
    probabilities: dict[str, float]
    days: tuple[int, ...]
    features: bytes
    model_run_id: str | None = None  # None in entries of earlier versions

    def entry(self) -> Entry:
        """Convert to column form. Raises ValueError, OverflowError or OSError for an invalid time."""
        return Entry(
            id=self.id,
            request_id=self.request_id,
            time=datetime.fromtimestamp(self.time, UTC),
            caller=self.caller,
            kind="single",
            as_of=self.as_of,
            horizon_days=self.horizon_days,
            model_version=self.model_version,
            rows=[0],
            deals={name: [value] for name, value in self.deal.items() if value is not None},
            unseen=[self.unseen],
            probability=[self.probability],
            probabilities=self.probabilities,
            days=list(self.days),
            features=self.features,
            model_run_id=self.model_run_id,
        )


def new_id() -> uuid.UUID:
    """Make a UUID of version 7: later ones sort after earlier ones, so that a table grows at its end."""
    noise = _RANDOM.getrandbits(74)
    value = (time.time_ns() // 1_000_000) << 80 | 0x7 << 76 | (noise >> 62) << 64 | 0b10 << 62 | noise & (1 << 62) - 1
    return uuid.UUID(int=value)


def first_id(milliseconds: int) -> uuid.UUID:
    """The least identifier that `new_id` makes from so many milliseconds since 1970 on; before 1970 the least of all."""
    return uuid.UUID(int=max(0, milliseconds) << 80)


def made_at(identifier: uuid.UUID) -> float | None:
    """The time of an identifier from `new_id`, in seconds since 1970; None for other identifiers."""
    return (identifier.int >> 80) / 1000 if identifier.version == 7 else None


def columns(deals: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Convert deals to columns; absent values are None."""
    rows = list(deals)
    names = {name: None for row in rows for name in row}  # in the order met
    return {name: [row.get(name) for row in rows] for name in names}


def parts(entry: Entry) -> Iterator[Entry]:
    """Split `entry` into parts of PART deals at most, with the same id: each deal keeps its position."""
    count = len(entry)
    if count <= PART:
        yield entry
        return
    width = len(entry.features) // count
    for begin in range(0, count, PART):
        cut = slice(begin, begin + PART)
        yield replace(
            entry,
            rows=entry.rows[cut],
            deals={name: values[cut] for name, values in entry.deals.items()},
            unseen=entry.unseen[cut],
            probability=entry.probability[cut],
            features=entry.features[begin * width : (begin + PART) * width],
        )


def check(entry: Entry) -> None:
    """Raise EntryError when the lengths are inconsistent, so that the entry cannot be split into deals."""
    count = len(entry)
    lengths: dict[str, Sequence[Any]] = {"unseen": entry.unseen, "probability": entry.probability, **entry.deals}
    for name, values in lengths.items():
        if len(values) != count:
            raise EntryError(f"entry {entry.id} has {count} deals and {len(values)} values of {name}")
    if not count or not entry.days or len(entry.features) % (8 * count * len(entry.days)):
        raise EntryError(
            f"entry {entry.id} has {len(entry.features)} bytes of features for {count} deals and {len(entry.days)} horizons"
        )
